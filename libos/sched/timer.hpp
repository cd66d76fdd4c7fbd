#pragma once
// Something that happens at a point in time, called in the timer's interrupt: the kernel's timer service.
#include "base/time.hpp"
#include "base/tree.hpp"

namespace eremite::sched {

struct ByExpiry;  // the tree of timers that run

class Timer : public TreeNode<ByExpiry> {
public:
    // Called without a lock once the deadline has come; may start the timer again. What it finds may have been changed since:
    // it looks again under its own lock.
    using Expired = void (*)(Timer& timer);
    constexpr explicit Timer(Expired expired) : expired_{expired} {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // Starts the timer, or moves it if it runs.
    void start(Instant deadline);
    // It does not expire any more, but a call that has begun on another CPU may be under way.
    void stop();
    // The same, and waits for such a call, so that the timer can be destroyed. Requires: it is not called
    // from there, and no lock is held that the call takes.
    void cancel();

private:
    friend Instant run_timers(Instant now);
    struct ByDeadline {
        static Instant key(const Timer& timer) { return timer.deadline_; }
    };
    struct Running;
    static Running& running();

    const Expired expired_;
    Instant deadline_{};
};

// What is implemented here for the scheduler: calls all timers that are due. Returns the next deadline. Called by the CPU
// that keeps the timers, in its timer's interrupt.
Instant run_timers(Instant now);
// What the scheduler implements: that CPU's timer interrupts no later than `deadline`.
void set_timer_deadline(Instant deadline);

}  // namespace eremite::sched
