#include "libos/syscall/interval_timer.hpp"

#include <signal.h>
#include <sys/time.h>

#include "libos/mm/user_memory.hpp"
#include "libos/syscall/repeating_timer.hpp"
#include "libos/syscall/timer_signal.hpp"

namespace eremite::syscall {

namespace {

constexpr int64_t ns_per_microsecond = 1000, microseconds_per_second = 1'000'000;

class IntervalTimer final : public RepeatingTimer {
public:
    IntervalTimer(sched::TimerClock clock, int signal) : RepeatingTimer{expired}, clock_{clock}, signal_{signal} {}
    void set(int64_t value, int64_t interval) { RepeatingTimer::set(clock_, false, value, interval); }

private:
    static void expired(Timer& timer) {
        auto& self = static_cast<IntervalTimer&>(timer);
        {
            const sync::Guard guard{program_timers_lock()};
            if (self.expire() == 0) return;
        }
        siginfo_t information{};
        information.si_signo = self.signal_;
        information.si_code = SI_KERNEL;
        send_timer_signal(information, 0);
    }

    const sched::TimerClock clock_;
    const int signal_;
};

// Null when there is no such timer. Requires: the lock.
IntervalTimer* find(int which) {
    alignas(IntervalTimer) static constinit unsigned char storage[3][sizeof(IntervalTimer)]{};
    static constinit IntervalTimer* timers[3]{};
    if (which < ITIMER_REAL || which > ITIMER_PROF) return nullptr;
    if (!timers[which]) {
        constexpr int signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
        const auto clock = which == ITIMER_REAL ? sched::TimerClock::Monotonic : sched::TimerClock::ProcessCpu;
        timers[which] = new (storage[which]) IntervalTimer{clock, signals[which]};
    }
    return timers[which];
}

struct Setting {
    int64_t value, interval;
};

Result<Setting> get(int which) {
    const sync::Guard guard{program_timers_lock()};
    IntervalTimer* const timer = find(which);
    if (!timer) return Error{EINVAL};
    return Setting{timer->remaining(), timer->interval()};
}

// Returns what was set before. EINVAL.
Result<Setting> exchange(int which, const Setting& wanted) {
    const sync::Guard guard{program_timers_lock()};
    IntervalTimer* const timer = find(which);
    if (!timer) return Error{EINVAL};
    const Setting before{timer->remaining(), timer->interval()};
    timer->set(wanted.value, wanted.interval);
    return before;
}

timeval to_timeval(int64_t ns) {
    // What is left of an armed timer is never shown as nothing.
    const int64_t microseconds = (ns + ns_per_microsecond - 1) / ns_per_microsecond;
    return {microseconds / microseconds_per_second, microseconds % microseconds_per_second};
}

Result<int64_t> to_nanoseconds(const timeval& time) {
    if (time.tv_sec < 0 || time.tv_usec < 0 || time.tv_usec >= microseconds_per_second) return Error{EINVAL};
    if (time.tv_sec > INT64_MAX / ns_per_microsecond / microseconds_per_second - 1) return INT64_MAX;
    return (time.tv_sec * microseconds_per_second + time.tv_usec) * ns_per_microsecond;
}

Result<void> store(VirtualAddress address, const Setting& setting) {
    return mm::UserPtr<itimerval>{address}.store({to_timeval(setting.interval), to_timeval(setting.value)});
}

}  // namespace

Result<long> sys_getitimer(int which, VirtualAddress setting) {
    TRY(store(setting, TRY(get(which))));
    return 0L;
}

Result<long> sys_setitimer(int which, VirtualAddress wanted, VirtualAddress before) {
    // No new setting disarms the timer (setitimer(2), BUGS).
    itimerval value{};
    if (wanted.value != 0) value = TRY(mm::UserPtr<itimerval>{wanted}.load());
    const Setting setting{TRY(to_nanoseconds(value.it_value)), TRY(to_nanoseconds(value.it_interval))};
    const Setting old = TRY(exchange(which, setting));
    if (before.value != 0) TRY(store(before, old));
    return 0L;
}

Result<long> sys_alarm(uint32_t seconds) {
    const Setting old = TRY(exchange(ITIMER_REAL, {int64_t{seconds} * microseconds_per_second * ns_per_microsecond, 0}));
    // To the nearest second, but never to none.
    const timeval left = to_timeval(old.value);
    return left.tv_sec + ((left.tv_sec == 0 && left.tv_usec != 0) || left.tv_usec >= microseconds_per_second / 2 ? 1 : 0);
}

}  // namespace eremite::syscall
