// What the file system of a server needs of the rest of the kernel, for one thread and without a program.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/panic.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/user_copy.hpp"
#include "libos/fs/dev/devices.hpp"
#include "libos/fs/notify/watch.hpp"
#include "libos/ipc/named_pipe.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/awaited_memory.hpp"
#include "libos/sched/scheduler.hpp"

namespace eremite {

void panic(std::string_view) { std::abort(); }

namespace arch {
unsigned cpu_index() { return 0; }
size_t user_copy(void*, const void*, size_t size) { return size; }
size_t user_copy_now(void*, const void*, size_t size) { return size; }
size_t user_zero(void*, size_t size) { return size; }
bool user_load_word(const uint32_t*, uint32_t*) { return false; }
bool user_compare_exchange_word(uint32_t*, uint32_t*, uint32_t) { return false; }
}  // namespace arch

namespace platform {
Instant monotonic_now() { return {1}; }
int64_t realtime_now() { return 1; }
}  // namespace platform

namespace fs::dev {
Result<Ref<File>> open_device(Ref<Inode>, uint32_t) { return Error{ENXIO}; }
}  // namespace fs::dev

namespace fs::notify {
void file_system_gone(const FileSystem&) {}
void detail::closed(File&) {}
}  // namespace fs::notify

namespace ipc {
Result<Ref<fs::File>> open_named_pipe(Ref<fs::Inode>, uint32_t) { return Error{ENXIO}; }
}  // namespace ipc

namespace mm {
// No file is mapped.
AddressSpace& kernel_address_space() {
    alignas(AddressSpace) static uint8_t memory[sizeof(AddressSpace)];
    // SAFETY: the functions that are called, which are those below, do not look at it.
    return reinterpret_cast<AddressSpace&>(memory);
}
void AddressSpace::drop_object_pages(const MemoryObject&, uint64_t) {}
bool AddressSpace::release_object_pages(const MemoryObject&, uint64_t, uint64_t, bool) { return true; }
void AddressSpace::write_protect_object_pages(const MemoryObject&, uint64_t, uint64_t) {}
}  // namespace mm

namespace sched {
Thread& current_thread() {
    static Thread thread{1};
    return thread;
}
// The server has answered before anybody waits.
Wakeup block(sync::Spinlock&, Instant) { std::abort(); }
Wakeup block_uninterruptibly(sync::Spinlock&, Instant) { std::abort(); }
void wake(Thread&, Wakeup) {}
bool await_memory() { return false; }
}  // namespace sched

namespace test {

void start_machine() {
    static const bool started = [] {
        constexpr uint64_t start = 0x10'0000, size = uint64_t{16} << 20;
        void* const wanted = direct_map(PhysicalAddress{start}).as<void>();
        void* const got = ::mmap(wanted, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        return got == wanted && mm::page_allocator().add({{start}, {start + size}}).ok();
    }();
    if (!started) std::abort();
}

}  // namespace test

}  // namespace eremite
