#pragma once
// Work that may wait and that somebody asks for from anywhere: it is done by a thread of the kernel some time after the first request,
// for all requests until then.
#include <atomic>

#include "libos/sched/wait_queue.hpp"

namespace eremite::sched {

class DelayedTask {
public:
    using Work = void (*)(void* context);
    constexpr DelayedTask(Work work, void* context, Duration delay) : work_{work}, context_{context}, delay_{delay} {}
    DelayedTask(const DelayedTask&) = delete;
    DelayedTask& operator=(const DelayedTask&) = delete;

    // The thread runs for good. ENOMEM.
    [[nodiscard]] Result<void> start();
    // Does not wait, and may be called before the start.
    void request() {
        if (!requested_.load(std::memory_order_relaxed)) [[unlikely]] wake();
    }

private:
    void wake();
    [[noreturn]] void run();

    const Work work_;
    void* const context_;
    const Duration delay_;
    sync::Spinlock lock_{sync::Rank::Mutex};
    WaitQueue waiting_;
    std::atomic<bool> requested_{false};  // set with the lock
};

}  // namespace eremite::sched
