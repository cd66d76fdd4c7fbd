#include "libos/syscall/repeating_timer.hpp"

namespace eremite::syscall {

namespace {

constinit sync::Spinlock lock{sync::Rank::ProgramTimers};
// Shorter intervals are counted, but do not each interrupt: nobody else would have the CPU.
constexpr Duration shortest_interval = Duration::microseconds(50);

}  // namespace

sync::Spinlock& program_timers_lock() { return lock; }

void RepeatingTimer::set(sched::TimerClock clock, bool absolute, int64_t value, int64_t interval) {
    const int64_t start = absolute ? 0 : sched::read_clock(clock);
    timer.arm(clock, value > INT64_MAX - start ? INT64_MAX : start + value, interval);
    stop();
    if (value == 0) timer.disarm();
    else restart();
}

void RepeatingTimer::restart(Instant earliest) {
    if (timer.armed() && interrupts()) start(std::max(earliest, sched::deadline_of(timer)));
}

uint64_t RepeatingTimer::expire() {
    const uint64_t times = timer.advance(now());
    restart(platform::monotonic_now() + shortest_interval);
    return times;
}

}  // namespace eremite::syscall
