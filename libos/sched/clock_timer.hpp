#pragma once
// When a timer of the program expires, once or at intervals, on one of the program's clocks. Only arithmetic: the time is
// handed in, and locks and interrupts are its owner's (timerfd, POSIX timers, interval timers).
#include <cstdint>

#include "base/time.hpp"

namespace eremite::sched {

enum class TimerClock : uint8_t {
    Monotonic,
    Realtime,    // can be set, which moves the expiration
    ProcessCpu,  // stands still while no thread runs
};

class ClockTimer {
public:
    // `first`: the time of the first expiration on that clock. `interval`: 0 for one that expires once.
    void arm(TimerClock clock, int64_t first, int64_t interval) {
        clock_ = clock;
        next_ = first;
        interval_ = interval;
        armed_ = true;
    }
    void disarm() { armed_ = false; }

    [[nodiscard]] bool armed() const { return armed_; }
    [[nodiscard]] TimerClock clock() const { return clock_; }
    [[nodiscard]] int64_t interval() const { return interval_; }
    // The rest: `now` is the time of the timer's own clock.
    [[nodiscard]] bool due(int64_t now) const { return armed_ && now >= next_; }
    // Until the next expiration. 0: not armed; what is due, but was not noticed, has 1 left, as Linux says it.
    [[nodiscard]] int64_t remaining(int64_t now) const { return !armed_ ? 0 : next_ > now ? next_ - now : 1; }
    // How often it has expired by now. The next expiration is then in the future; without an interval there is none.
    uint64_t advance(int64_t now) {
        if (!due(now)) return 0;
        if (interval_ == 0) {
            armed_ = false;
            return 1;
        }
        const uint64_t times = static_cast<uint64_t>(now - next_) / static_cast<uint64_t>(interval_) + 1;
        if (__builtin_add_overflow(next_, static_cast<int64_t>(times) * interval_, &next_)) next_ = INT64_MAX;
        return times;
    }

private:
    TimerClock clock_ = TimerClock::Monotonic;
    bool armed_ = false;
    int64_t next_ = 0, interval_ = 0;
};

}  // namespace eremite::sched
