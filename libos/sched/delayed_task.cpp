#include "libos/sched/delayed_task.hpp"

#include "libos/platform/clock.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::sched {

Result<void> DelayedTask::start() {
    return start_kernel_thread([](void* self) { static_cast<DelayedTask*>(self)->run(); }, this);
}

void DelayedTask::wake() {
    const sync::Guard guard{lock_};
    if (!requested_.exchange(true, std::memory_order_relaxed)) waiting_.wake_all();
}

void DelayedTask::run() {
    for (;;) {
        {
            const sync::Guard guard{lock_};
            while (!requested_.load(std::memory_order_relaxed)) waiting_.wait_uninterruptibly(lock_);
            const Instant due = platform::monotonic_now() + delay_;
            while (platform::monotonic_now() < due) waiting_.wait_uninterruptibly(lock_, due);
            requested_.store(false, std::memory_order_relaxed);
        }
        work_(context_);
    }
}

}  // namespace eremite::sched
