#pragma once
// The clocks that timers follow, and who hears that the wall clock was set.
#include "base/list.hpp"
#include "libos/sched/clock_timer.hpp"

namespace eremite::sched {

[[nodiscard]] int64_t read_clock(TimerClock clock);
// When an armed timer is to be looked at: when it expires, or, on a clock that may stand still, when it may have expired.
[[nodiscard]] Instant deadline_of(const ClockTimer& timer);

struct ByClockSet;  // the list of listeners

class ClockSetListener : public ListNode<ByClockSet> {
public:
    void listen();
    // Does nothing for one that does not listen. When it returns, no call is under way. Requires: no lock is held that
    // clock_was_set() takes.
    void stop_listening();

protected:
    ~ClockSetListener() = default;
    virtual void clock_was_set() = 0;
    friend void tell_clock_was_set();
};
// The wall clock was set.
void tell_clock_was_set();

}  // namespace eremite::sched
