// What the cache needs of the rest of the kernel: threads of the host that wait for each other, and memory of a program.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "cached_file.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/sched/awaited_memory.hpp"
#include "libos/sched/scheduler.hpp"

namespace eremite {

namespace test {
mm::AddressSpace* address_space = nullptr;
VirtualRange unreachable{};
}  // namespace test

namespace sched {

namespace {

struct HostThread : Thread {
    HostThread() : Thread{1} {}
    std::mutex mutex;
    std::condition_variable condition;
    bool woken = false;
};

}  // namespace

Thread& current_thread() {
    static thread_local HostThread thread;
    return thread;
}

Wakeup block_uninterruptibly(sync::Spinlock& lock, Instant) {
    auto& self = static_cast<HostThread&>(current_thread());
    {
        const std::lock_guard guard{self.mutex};
        self.woken = false;
    }
    lock.unlock();
    {
        std::unique_lock guard{self.mutex};
        if (!self.condition.wait_for(guard, std::chrono::seconds{40}, [&] { return self.woken; })) {
            std::fprintf(stderr, "a wake-up was lost\n");
            std::abort();
        }
    }
    lock.lock();
    return Wakeup::Woken;
}

Wakeup block(sync::Spinlock&, Instant) { std::abort(); }

void wake(Thread& thread, Wakeup) {
    auto& other = static_cast<HostThread&>(thread);
    const std::lock_guard guard{other.mutex};
    other.woken = true;
    other.condition.notify_one();
}

bool await_memory() { return false; }

}  // namespace sched

namespace mm {

AddressSpace& kernel_address_space() { return *test::address_space; }

namespace {

Result<void> copy(void* destination, const void* source, size_t size, const void* user) {
    const VirtualAddress start{user};
    if (test::unreachable.overlaps({start, start + size})) return Error{EFAULT};
    std::memcpy(destination, source, size);
    return {};
}

}  // namespace

Result<void> copy_from_user_now(void* destination, VirtualAddress source, size_t size) {
    return copy(destination, source.as<const void>(), size, source.as<const void>());
}
Result<void> copy_to_user_now(VirtualAddress destination, const void* source, size_t size) {
    return copy(destination.as<void>(), source, size, destination.as<const void>());
}
Result<void> zero_user_now(VirtualAddress, size_t) { std::abort(); }

}  // namespace mm

}  // namespace eremite
