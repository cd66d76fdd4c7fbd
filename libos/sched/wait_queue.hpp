#pragma once
// Threads that wait for the same event, first come, first woken.
#include "libos/sched/scheduler.hpp"

namespace eremite::sched {

class WaitQueue {
public:
    // Blocks the running thread. Whoever looked at the condition before need not look again before this: nothing else runs on
    // this CPU in between.
    Wakeup wait(Instant deadline = Instant::never()) {
        Thread& thread = current_thread();
        waiting_.push_back(thread);
        const Wakeup why = block(deadline);
        if (static_cast<ListNode<ByWait>&>(thread).linked()) waiting_.remove(thread);
        return why;
    }
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
    [[nodiscard]] List<Thread, ByWait>& threads() { return waiting_; }

private:
    List<Thread, ByWait> waiting_;
};

}  // namespace eremite::sched
