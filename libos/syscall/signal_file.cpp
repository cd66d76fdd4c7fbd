#include "libos/syscall/signal_file.hpp"

#include <sys/signalfd.h>

#include "libos/ipc/signal_file.hpp"
#include "libos/process/process.hpp"
#include "libos/signal/signals.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

Result<long> sys_signalfd4(int descriptor, VirtualAddress set, size_t set_size, uint32_t flags) {
    if (set_size != sizeof(uint64_t)) return Error{EINVAL};
    const uint64_t signals = TRY(mm::UserPtr<uint64_t>{set}.load()) & ~signal::unblockable;
    if ((flags & ~uint32_t{SFD_CLOEXEC | SFD_NONBLOCK}) != 0) return Error{EINVAL};
    if (descriptor == -1) {
        Ref<fs::File> file = TRY(ipc::create_signal_file(signals, flags & SFD_NONBLOCK));
        return static_cast<long>(TRY(process::current().files().add(std::move(file), (flags & SFD_CLOEXEC) != 0)));
    }
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (!ipc::is_signal_file(*file)) return Error{EINVAL};
    ipc::set_signal_file(*file, signals);
    return static_cast<long>(descriptor);
}

Result<long> sys_signalfd(int descriptor, VirtualAddress set, size_t set_size) { return sys_signalfd4(descriptor, set, set_size, 0); }

}  // namespace eremite::syscall
