// Signals to threads that wait for them, block them, or are at work: each arrives, and once.
#include "libos/signal/signals.hpp"

#include <errno.h>
#include <gtest/gtest.h>

#include <atomic>

#include "crew.hpp"
#include "libos/sched/sleep.hpp"

namespace eremite::test {
namespace {

using sched::signal_bit;

constexpr int queued_signal = 40;
constexpr uint64_t queued = signal_bit(queued_signal);

// A handler, so that nothing is ignored. It is never called: the tests take signals themselves.
void handle(int signal) { (void)signal::set_action(signal, {.handler = 4096, .flags = 0, .restorer = 0, .mask = 0}); }

// Takes what is due, as the way back to the program does.
unsigned take_due() {
    unsigned taken = 0;
    if (!sched::current_thread().signal_due) return taken;
    while (signal::take(~sched::current_thread().blocked_signals)) ++taken;
    return taken;
}

Instant soon(Random& random) { return now() + Duration::microseconds(static_cast<int64_t>(random.below(200))); }

TEST(Signals, QueuedForThreadsThatWaitForThem) {
    constexpr unsigned threads = 4;
    handle(queued_signal);
    std::atomic<unsigned> sent{0}, taken{0}, sending{1};
    int ids[threads];
    Crew crew;
    const Span span{1500};
    for (unsigned i = 0; i < threads; ++i) {
        ids[i] = crew.start([&, i] {
            Random random{i};
            signal::set_mask(sched::current_thread(), queued);
            for (;;) {
                const bool last = sending == 0;
                const auto one = signal::wait_for(queued, soon(random));
                check(one.ok() ? one.value().si_signo == queued_signal : one.code() == EAGAIN, "a signal, or none in time");
                if (one.ok()) ++taken;
                else if (last) return;
                progress();
                leave_kernel();
            }
        });
    }
    crew.start([&] {
        Random random{100};
        while (!span.over()) {
            const auto done = sched::with_thread(ids[random.below(threads)], [](sched::Thread& thread) {
                return signal::send_to_thread(thread, signal::from_program(queued_signal, SI_QUEUE));
            });
            check(done.ok(), "a signal is sent");
            ++sent;
            if (random.below(3) == 0) sched::yield();
            leave_kernel();
        }
        sending = 0;
    });
    crew.join();
    EXPECT_GT(sent, 0u);
    EXPECT_EQ(sent, taken);
}

// One at a time. Whoever does not block it gets it, also when the thread that was to have it blocks it just then.
TEST(Signals, ForTheProcessFindAThread) {
    handle(SIGUSR1);
    const uint64_t before = sched::current_thread().blocked_signals;
    signal::set_mask(sched::current_thread(), ~uint64_t{0});
    std::atomic<unsigned> sent{0}, taken{0};
    std::atomic<bool> over{false};
    Crew crew;
    const Span span{1500};
    // These come first to be chosen, but do not always keep their word.
    crew.start_many(3, [&](unsigned number) {
        Random random{number};
        sched::Thread& self = sched::current_thread();
        while (!over) {
            signal::set_mask(self, 0);
            leave_kernel();
            if (random.below(4) == 0) taken += take_due();
            signal::set_mask(self, signal_bit(SIGUSR1));
            while (taken != sent && !over) {
                sched::yield();
                leave_kernel();
            }
        }
    });
    // This one is there for it, and looks once it is told.
    crew.start([&] {
        signal::set_mask(sched::current_thread(), 0);
        while (!over) {
            (void)sched::sleep_until(now() + Duration::milliseconds(10));
            taken += take_due();
            leave_kernel();
        }
    });
    crew.start([&] {
        signal::set_mask(sched::current_thread(), ~uint64_t{0});
        while (!span.over()) {
            ++sent;
            check(signal::send_to_process(signal::from_program(SIGUSR1, SI_USER)).ok(), "a signal is sent");
            while (taken != sent) {
                sched::yield();
                leave_kernel();
            }
            progress();
        }
        over = true;
    });
    crew.join();
    signal::set_mask(sched::current_thread(), before);
    EXPECT_GT(sent, 1u);
}

// The thread that was to have it ends.
TEST(Signals, ForTheProcessWhileThreadsEnd) {
    handle(SIGUSR1);
    const uint64_t before = sched::current_thread().blocked_signals;
    signal::set_mask(sched::current_thread(), ~uint64_t{0});
    uint64_t round = 0;
    for (const Span span{1000}; !span.over(); ++round) {
        std::atomic<unsigned> ending{0}, taken{0};
        Crew crew;
        crew.start_many(2, [&](unsigned number) {
            Random random{2 * round + number};
            signal::set_mask(sched::current_thread(), 0);
            ++ending;
            for (uint64_t i = random.below(8); i > 0; --i) leave_kernel();
            signal::thread_ends(sched::current_thread());
            for (uint64_t i = random.below(8); i > 0; --i) leave_kernel();
        });
        crew.start([&] {
            signal::set_mask(sched::current_thread(), 0);
            while (taken == 0) {
                (void)sched::sleep_until(now() + Duration::milliseconds(1));
                taken += take_due();
            }
        });
        while (ending < 1 + round % 2) {
            sched::yield();
            leave_kernel();
        }
        check(signal::send_to_process(signal::from_program(SIGUSR1, SI_USER)).ok(), "a signal is sent");
        crew.join();
        EXPECT_EQ(taken, 1u);
    }
    signal::set_mask(sched::current_thread(), before);
    EXPECT_GT(round, 1u);
}

}  // namespace
}  // namespace eremite::test
