#include "libos/sched/timer.hpp"

#include "libos/sync/spinlock.hpp"

namespace eremite::sched {

struct Timer::Running {
    sync::Spinlock lock{sync::Rank::Timer};
    Tree<Timer, ByDeadline, ByExpiry> timers;
    const Timer* expiring = nullptr;  // whose call is under way
};

Timer::Running& Timer::running() {
    static constinit Running all{};
    return all;
}

void Timer::start(Instant deadline) {
    Running& all = running();
    const sync::Guard guard{all.lock};
    if (linked()) all.timers.remove(*this);
    deadline_ = deadline;
    all.timers.insert(*this);
    if (all.timers.first() == this) set_timer_deadline(deadline);
}

void Timer::stop() {
    Running& all = running();
    const sync::Guard guard{all.lock};
    if (linked()) all.timers.remove(*this);
}

void Timer::cancel() {
    Running& all = running();
    for (;;) {
        {
            const sync::Guard guard{all.lock};
            if (linked()) all.timers.remove(*this);
            if (all.expiring != this) return;
        }
        __builtin_ia32_pause();
    }
}

Instant run_timers(Instant now) {
    Timer::Running& all = Timer::running();
    for (;;) {
        Timer* timer;
        {
            const sync::Guard guard{all.lock};
            all.expiring = nullptr;
            timer = all.timers.first();
            if (!timer) return Instant::never();
            if (timer->deadline_ > now) return timer->deadline_;
            all.timers.remove(*timer);
            all.expiring = timer;
        }
        timer->expired_(*timer);
    }
}

}  // namespace eremite::sched
