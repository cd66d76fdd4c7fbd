#include "libos/sched/timer_clock.hpp"

#include <algorithm>

#include "libos/platform/clock.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::sched {

namespace {

constinit sync::Spinlock listeners_lock{sync::Rank::ClockSet};
constinit List<ClockSetListener, ByClockSet> listeners{};

// A span and a point, at most the end of time.
Instant after(Instant now, int64_t span) { return Instant{span > INT64_MAX - now.ns ? INT64_MAX : now.ns + span}; }

}  // namespace

int64_t read_clock(TimerClock clock) {
    switch (clock) {
        case TimerClock::Monotonic: return platform::monotonic_now().ns;
        case TimerClock::Realtime: return platform::realtime_now();
        case TimerClock::ProcessCpu: return total_cpu_time().ns;
    }
    __builtin_unreachable();
}

Instant deadline_of(const ClockTimer& timer) {
    int64_t remaining = timer.remaining(read_clock(timer.clock()));
    if (timer.clock() == TimerClock::ProcessCpu && thread_count() > 1) {
        // Several threads together use more CPU time than passes: coming closer by half is soon close enough.
        constexpr int64_t close = 1'000'000;
        if (remaining > close) remaining = std::max(remaining / 2, close);
    }
    return after(platform::monotonic_now(), remaining);
}

void ClockSetListener::listen() {
    const sync::Guard guard{listeners_lock};
    if (!linked()) listeners.push_back(*this);
}

void ClockSetListener::stop_listening() {
    const sync::Guard guard{listeners_lock};
    if (linked()) listeners.remove(*this);
}

void tell_clock_was_set() {
    const sync::Guard guard{listeners_lock};
    for (ClockSetListener& listener : listeners) listener.clock_was_set();
}

}  // namespace eremite::sched
