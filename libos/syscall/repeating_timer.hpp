#pragma once
// A timer that sends a signal whenever it expires: what POSIX timers and interval timers have in common.
#include <algorithm>

#include "libos/platform/clock.hpp"
#include "libos/sched/timer.hpp"
#include "libos/sched/timer_clock.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::syscall {

// Guards them all: setting one is rare, and so is the expiration of two at once.
[[nodiscard]] sync::Spinlock& program_timers_lock();

class RepeatingTimer : protected sched::Timer {
public:
    // All of these require program_timers_lock().
    [[nodiscard]] int64_t now() const { return sched::read_clock(timer.clock()); }
    [[nodiscard]] int64_t interval() const { return timer.interval(); }
    // Until the next expiration; at least 1 while armed.
    [[nodiscard]] int64_t remaining() const { return timer.remaining(now()); }
    // `value` 0 disarms; else it is a span, or a time on `clock` if `absolute`.
    void set(sched::TimerClock clock, bool absolute, int64_t value, int64_t interval);

protected:
    explicit RepeatingTimer(Expired expired) : Timer{expired} {}
    // Arms the kernel's timer for the next expiration, if there is one.
    void restart(Instant earliest = Instant{});
    // Called when the kernel's timer expires: how often this one has since the last time. The next is arranged for.
    [[nodiscard]] uint64_t expire();
    // Whether the kernel's timer runs at all.
    virtual bool interrupts() const { return true; }

    sched::ClockTimer timer;
};

}  // namespace eremite::syscall
