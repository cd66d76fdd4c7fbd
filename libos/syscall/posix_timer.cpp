#include "libos/syscall/posix_timer.hpp"

#include <signal.h>
#include <time.h>

#include <memory>
#include <new>

#include "libos/mm/user_memory.hpp"
#include "libos/sched/threads.hpp"
#include "libos/syscall/repeating_timer.hpp"
#include "libos/syscall/timer_signal.hpp"
#include "libos/syscall/timespec.hpp"

namespace eremite::syscall {

namespace {

constexpr int last_signal = 64;
constexpr uint32_t most_timers = 32768;

// The kernel's struct sigevent, as far as it is used.
struct Event {
    sigval value;
    int signal;
    int notify;
    int thread;
    int unused[11];
};

class PosixTimer final : public RepeatingTimer, public sched::ClockSetListener, public TreeNode<> {
public:
    PosixTimer(int clock, const Event& event) : RepeatingTimer{expired}, clock_{clock}, event_{event} {
        if (follows_wall_clock()) listen();
    }
    ~PosixTimer() {
        stop_listening();
        cancel();
    }

    // The rest requires the lock.
    void set(bool absolute, int64_t value, int64_t interval) {
        overruns_ = 0;
        RepeatingTimer::set(timer_clock(absolute), absolute, value, interval);
    }
    TimerSpec setting() {
        // Nobody counts the expirations of a timer without a signal, unless somebody looks.
        if (!interrupts()) (void)timer.advance(now());
        return {to_timespec(interval()), to_timespec(remaining())};
    }
    [[nodiscard]] int overruns() const { return static_cast<int>(std::min<uint64_t>(overruns_, INT32_MAX)); }

    int id = 0;

private:
    [[nodiscard]] bool follows_wall_clock() const { return clock_ == CLOCK_REALTIME || clock_ == CLOCK_TAI || clock_ == CLOCK_REALTIME_ALARM; }
    // A span is one whatever the wall clock is set to.
    [[nodiscard]] sched::TimerClock timer_clock(bool absolute) const {
        if (clock_ == CLOCK_PROCESS_CPUTIME_ID) return sched::TimerClock::ProcessCpu;
        return follows_wall_clock() && absolute ? sched::TimerClock::Realtime : sched::TimerClock::Monotonic;
    }
    bool interrupts() const override { return event_.notify != SIGEV_NONE; }
    void clock_was_set() override {
        const sync::Guard guard{program_timers_lock()};
        restart();
    }
    static void expired(Timer& timer) {
        auto& self = static_cast<PosixTimer&>(timer);
        siginfo_t information{};
        {
            const sync::Guard guard{program_timers_lock()};
            const uint64_t times = self.expire();
            if (times == 0) return;
            self.overruns_ = times - 1 + std::exchange(self.unsent_, 0);
            information.si_signo = self.event_.signal;
            information.si_code = SI_TIMER;
            information.si_timerid = self.id;
            information.si_overrun = self.overruns();
            information.si_value = self.event_.value;
        }
        if (send_timer_signal(information, self.event_.notify == SIGEV_THREAD_ID ? self.event_.thread : 0)) return;
        const sync::Guard guard{program_timers_lock()};
        self.unsent_ = self.overruns_ + 1;
    }

    const int clock_;
    const Event event_;
    uint64_t overruns_ = 0;  // expirations that the last signal stands for, beside its own
    uint64_t unsent_ = 0;    // expirations that no signal stands for
};

struct ById {
    static int key(const PosixTimer& timer) { return timer.id; }
};

constinit Tree<PosixTimer, ById> timers{};
constinit uint32_t timer_count = 0;
constinit int next_id = 0;

// EINVAL, EOPNOTSUPP.
Result<void> check_clock(int clock) {
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_MONOTONIC:
        case CLOCK_BOOTTIME:
        case CLOCK_TAI:
        case CLOCK_REALTIME_ALARM:
        case CLOCK_BOOTTIME_ALARM:
        case CLOCK_PROCESS_CPUTIME_ID: return {};
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_REALTIME_COARSE:
        case CLOCK_MONOTONIC_COARSE: return Error{EOPNOTSUPP};
        default: return Error{EINVAL};
    }
}

Result<void> check_event(const Event& event) {
    if (event.notify == SIGEV_NONE) return {};
    if (event.notify == SIGEV_THREAD_ID) {
        const auto found = sched::with_thread(event.thread, [](sched::Thread&) { return Result<void>{}; });
        if (!found.ok() || event.thread == 0) return Error{EINVAL};
    } else if (event.notify != SIGEV_SIGNAL && event.notify != SIGEV_THREAD) {
        return Error{EINVAL};
    }
    if (event.signal <= 0 || event.signal > last_signal) return Error{EINVAL};
    return {};
}

}  // namespace

Result<long> sys_timer_create(int clock, VirtualAddress event, VirtualAddress id) {
    Event wanted{};
    wanted.signal = SIGALRM;
    if (event.value != 0) wanted = TRY(mm::UserPtr<Event>{event}.load());
    TRY(check_clock(clock));
    if (event.value != 0) TRY(check_event(wanted));
    int number;
    {
        const sync::Guard guard{program_timers_lock()};
        if (timer_count >= most_timers) return Error{EAGAIN};
        number = next_id;
        next_id = next_id == INT32_MAX ? 0 : next_id + 1;
    }
    if (event.value == 0) wanted.value.sival_int = number;
    std::unique_ptr<PosixTimer> timer{new (std::nothrow) PosixTimer{clock, wanted}};
    if (!timer) return Error{EAGAIN};
    timer->id = number;
    TRY(mm::UserPtr<int>{id}.store(number));
    const sync::Guard guard{program_timers_lock()};
    timers.insert(*timer.release());
    ++timer_count;
    return 0L;
}

Result<long> sys_timer_settime(int id, int flags, VirtualAddress wanted, VirtualAddress before) {
    if (wanted.value == 0) return Error{EINVAL};
    const TimerSpec spec = TRY(mm::UserPtr<TimerSpec>{wanted}.load());
    const int64_t value = TRY(to_nanoseconds(spec.value)), interval = TRY(to_nanoseconds(spec.interval));
    TimerSpec old;
    {
        const sync::Guard guard{program_timers_lock()};
        PosixTimer* const timer = timers.find(id);
        if (!timer) return Error{EINVAL};
        old = timer->setting();
        timer->set((flags & TIMER_ABSTIME) != 0, value, interval);
    }
    if (before.value != 0) TRY(mm::UserPtr<TimerSpec>{before}.store(old));
    return 0L;
}

Result<long> sys_timer_gettime(int id, VirtualAddress setting) {
    TimerSpec now;
    {
        const sync::Guard guard{program_timers_lock()};
        PosixTimer* const timer = timers.find(id);
        if (!timer) return Error{EINVAL};
        now = timer->setting();
    }
    TRY(mm::UserPtr<TimerSpec>{setting}.store(now));
    return 0L;
}

Result<long> sys_timer_getoverrun(int id) {
    const sync::Guard guard{program_timers_lock()};
    const PosixTimer* const timer = timers.find(id);
    if (!timer) return Error{EINVAL};
    return timer->overruns();
}

Result<long> sys_timer_delete(int id) {
    std::unique_ptr<PosixTimer> timer;
    const sync::Guard guard{program_timers_lock()};
    timer.reset(timers.find(id));
    if (!timer) return Error{EINVAL};
    timers.remove(*timer);
    --timer_count;
    return 0L;
}

}  // namespace eremite::syscall
