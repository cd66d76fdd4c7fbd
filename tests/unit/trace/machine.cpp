#include "machine.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/address.hpp"
#include "libos/arch/user_copy.hpp"
#include "libos/drivers/console.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/sched/timer.hpp"

namespace eremite {

namespace arch {

// The host kernel copies, since it notices memory that is not accessible. By number, since the sanitizer would take exception to
// strings being read past their end, as they are in whole pieces.
size_t user_copy(void* destination, const void* source, size_t size) {
    const iovec to{destination, size}, from{const_cast<void*>(source), size};
    const long copied = ::syscall(SYS_process_vm_readv, getpid(), &to, 1, &from, 1, 0);
    return size - static_cast<size_t>(std::max(copied, 0L));
}
size_t user_copy_now(void*, const void*, size_t) { std::abort(); }
size_t user_zero(void*, size_t) { std::abort(); }
bool user_load_word(const uint32_t*, uint32_t*) { std::abort(); }
bool user_compare_exchange_word(uint32_t*, uint32_t*, uint32_t) { std::abort(); }

}  // namespace arch

namespace platform {
Instant monotonic_now() { return {test::now}; }
}  // namespace platform

namespace sched {
Thread& current_thread() {
    static Thread threads[] = {Thread{1}, Thread{2}, Thread{3}};
    return threads[test::thread_id - 1];
}
void set_timer_deadline(Instant) {}
}  // namespace sched

namespace drivers {
void console_write_error(std::span<const char> text) {
    test::console.append(text.data(), text.size());
    ++test::console_writes;
}
}  // namespace drivers

namespace test {

int64_t now = 0;
int thread_id = 1;
std::string console;
unsigned console_writes = 0;

// With an unmapped page behind it.
UserMemory::UserMemory(size_t size) : size_{align_up(size, page_size)} {
    static uint64_t place = 0x1000'0000'0000 + 0x2000'0000'0000;
    void* const wanted = reinterpret_cast<void*>(place);
    void* const got = mmap(wanted, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != wanted) std::abort();
    place += size_ + page_size;
    bytes_ = static_cast<char*>(got);
}
UserMemory::~UserMemory() { munmap(bytes_, size_); }

}  // namespace test

}  // namespace eremite
