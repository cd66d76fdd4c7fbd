// Timers that are started, moved and stopped on all CPUs while the first one runs them.
#include "libos/sched/timer.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "crew.hpp"
#include "libos/sched/sleep.hpp"
#include "libos/sched/timer_clock.hpp"

namespace eremite::test {
namespace {

// Wakes whoever waits for it, at its time and not before.
struct Alarm final : sched::Timer {
    Alarm() : Timer{expired} {}
    static void expired(sched::Timer& timer) {
        auto& alarm = static_cast<Alarm&>(timer);
        const sync::Guard guard{alarm.lock};
        if (now() < alarm.when) return;  // it was moved just then
        alarm.rang = true;
        alarm.waiting.wake_all();
    }
    void set(Instant time) {
        const sync::Guard guard{lock};
        rang = false;
        when = time;
        start(time);
    }
    // Waits for it, at most for this time.
    bool wait(Instant end) {
        const sync::Guard guard{lock};
        while (!rang)
            if (waiting.wait(lock, end) == sched::Wakeup::TimedOut) return rang;
        return true;
    }

    sync::Spinlock lock{sync::Rank::File};
    sched::WaitQueue waiting;
    Instant when{};
    bool rang = false;
};

Instant soon(Random& random) { return now() + Duration::microseconds(static_cast<int64_t>(random.below(1500))); }

// The first CPU sleeps, or stops looking for work just then, or runs another timer.
TEST(Timers, NoneIsForgotten) {
    std::atomic<unsigned> rang{0};
    Crew crew;
    const Span span{1500};
    crew.start_many(5, [&](unsigned number) {
        Random random{number};
        Alarm alarm;
        while (!span.over()) {
            alarm.set(soon(random));
            check(alarm.wait(Instant::never()), "it rings");
            ++rang;
            progress();
            leave_kernel();
        }
        alarm.cancel();
    });
    crew.join();
    EXPECT_GT(rang, 0u);
}

// One at a time, with everything else asleep.
TEST(Timers, NoneIsForgottenOnAnIdleMachine) {
    unsigned rang = 0;
    Crew crew;
    const Span span{1000};
    crew.start([&] {
        Random random{1};
        Alarm alarm;
        for (; !span.over(); ++rang) {
            alarm.set(soon(random));
            check(alarm.wait(Instant::never()), "it rings");
            progress();
            leave_kernel();
        }
        alarm.cancel();
    }, only(2));
    crew.join();
    EXPECT_GT(rang, 0u);
}

// Stopped, moved and destroyed while they expire.
TEST(Timers, AreStoppedAndMoved) {
    Crew crew;
    const Span span{1500};
    Alarm shared[4];
    crew.start_many(6, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            Alarm own;
            own.set(soon(random));
            Alarm& other = shared[random.below(std::size(shared))];
            switch (random.below(3)) {
            case 0: other.set(soon(random)); break;
            case 1: other.stop(); break;
            default: (void)other.wait(soon(random)); break;
            }
            if (random.below(2) == 0) check(sched::sleep_until(soon(random)).ok(), "nothing interrupts");
            own.cancel();
            progress();
            leave_kernel();
        }
    });
    crew.join();
    for (Alarm& alarm : shared) alarm.cancel();
}

// Whoever listens to the wall clock hears of it until it has stopped, and not later.
TEST(Timers, ListenersToTheClock) {
    struct Listener final : sched::ClockSetListener {
        void clock_was_set() override { heard.fetch_add(1, std::memory_order_relaxed); }
        std::atomic<unsigned> heard{0};
    };
    std::atomic<bool> over{false};
    std::atomic<unsigned> heard{0};
    Crew crew;
    const Span span{700};
    crew.start_many(3, [&](unsigned) {
        while (!span.over()) {
            auto listener = std::make_unique<Listener>();
            listener->listen();
            for (int i = 0; i < 20; ++i) leave_kernel();
            listener->stop_listening();
            heard += listener->heard.load();
            progress();
        }
        over = true;
    });
    crew.start([&] {
        while (!over) {
            sched::tell_clock_was_set();
            leave_kernel();
        }
    });
    crew.join();
    EXPECT_GT(heard, 0u);
}

}  // namespace
}  // namespace eremite::test
