#pragma once
// Threads that wait for the same event, first come, first woken: a condition variable for spinlocks.
#include "libos/sched/scheduler.hpp"

namespace eremite::sched {

class WaitQueue {
public:
    // Blocks the running thread. `lock` guards the queue and the condition that was looked at; it is released meanwhile.
    // Whoever was taken off the queue by a waker was woken, even if its time was up just then: no wake-up is lost.
    Wakeup wait(sync::Spinlock& lock, Instant deadline = Instant::never()) {
        Thread& thread = current_thread();
        waiting_.push_back(thread);
        const Wakeup why = block(lock, deadline);
        if (!static_cast<ListNode<ByWait>&>(thread).linked()) return Wakeup::Woken;
        waiting_.remove(thread);
        return why;
    }
    // The same for an event that is sure to come, or is given up at `deadline`: signals are delivered behind it.
    Wakeup wait_uninterruptibly(sync::Spinlock& lock, Instant deadline = Instant::never()) {
        Thread& thread = current_thread();
        waiting_.push_back(thread);
        const Wakeup why = block_uninterruptibly(lock, deadline);
        if (!static_cast<ListNode<ByWait>&>(thread).linked()) return Wakeup::Woken;
        waiting_.remove(thread);
        return why;
    }
    // These require the same lock.
    bool wake_one() {
        Thread* const thread = waiting_.pop_front();
        if (thread) wake(*thread);
        return thread != nullptr;
    }
    void wake_all() {
        while (wake_one()) {
        }
    }
    [[nodiscard]] bool empty() const { return waiting_.empty(); }

private:
    List<Thread, ByWait> waiting_;
};

}  // namespace eremite::sched
