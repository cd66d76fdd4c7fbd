#include "libos/syscall/ipc.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>

#include "libos/ipc/event_counter.hpp"
#include "libos/ipc/pipe.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

Result<long> sys_pipe2(VirtualAddress descriptors, uint32_t flags) {
    if ((flags & ~uint32_t{O_CLOEXEC | O_NONBLOCK}) != 0) return Error{EINVAL};
    ipc::PipeEnds ends = TRY(ipc::create_pipe(flags & O_NONBLOCK));
    return add_two(process::current().files(), std::move(ends.read_end), std::move(ends.write_end), (flags & O_CLOEXEC) != 0, descriptors);
}

Result<long> sys_pipe(VirtualAddress descriptors) { return sys_pipe2(descriptors, 0); }

Result<long> sys_eventfd2(uint32_t initial, uint32_t flags) {
    if ((flags & ~uint32_t{EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE}) != 0) return Error{EINVAL};
    Ref<fs::File> file = TRY(ipc::create_event_counter(initial, (flags & EFD_SEMAPHORE) != 0, flags & EFD_NONBLOCK));
    return static_cast<long>(TRY(process::current().files().add(std::move(file), (flags & EFD_CLOEXEC) != 0)));
}

Result<long> sys_eventfd(uint32_t initial) { return sys_eventfd2(initial, 0); }

}  // namespace eremite::syscall
