// Where threads run, and which of them: affinity, importance, work that other CPUs take over.
#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "crew.hpp"
#include "libos/arch/smp.hpp"
#include "libos/sched/run_queue.hpp"
#include "libos/sched/sleep.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::test {
namespace {

void rest(Random& random) {
    switch (random.below(3)) {
    case 0: sched::yield(); break;
    case 1: check(sched::sleep_until(now() + Duration::microseconds(static_cast<int64_t>(random.below(100)))).ok(), "nothing interrupts"); break;
    default: break;
    }
}

// Once it has left the kernel, a thread runs where it may.
TEST(Cpus, ThreadsThatMoveThemselves) {
    std::array<std::atomic<unsigned>, cpu_count> visits{};
    Crew crew;
    const Span span{1500};
    crew.start_many(2 * cpu_count, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            const uint64_t cpus = 1 + random.below(all_cpus);
            sched::set_affinity(sched::current_thread(), cpus);
            leave_kernel();
            const unsigned here = arch::cpu_index();
            check(cpus >> here & 1, "a thread runs where it may not");
            ++visits[here];
            rest(random);
            check(cpus >> arch::cpu_index() & 1, "a thread came back where it may not");
            progress();
        }
    });
    crew.join();
    for (const auto& count : visits) EXPECT_GT(count, 0u);
}

// The same from outside, whatever the thread does just then.
TEST(Cpus, ThreadsThatAreMoved) {
    constexpr unsigned movable = 6;
    struct Moves {
        std::atomic<unsigned> begun{0}, done{0};
    } moves[movable];
    std::atomic<unsigned> moving{2}, looked{0};
    int ids[movable];
    Crew crew;
    const Span span{1500};
    for (unsigned i = 0; i < movable; ++i) {
        ids[i] = crew.start([&, i] {
            Random random{i};
            while (!span.over() || moving != 0) {
                rest(random);
                const unsigned before = moves[i].done;
                const uint64_t cpus = sched::affinity_of(sched::current_thread());
                leave_kernel();
                const unsigned here = arch::cpu_index();
                if (moves[i].begun == before) {
                    check(cpus >> here & 1, "a thread was left where it may not run");
                    ++looked;
                }
                progress();
            }
        });
    }
    crew.start_many(2, [&](unsigned number) {
        Random random{100 + number};
        while (!span.over()) {
            const uint64_t which = random.below(movable);
            ++moves[which].begun;
            const auto found = sched::with_thread(ids[which], [&](sched::Thread& thread) -> Result<void> {
                if (random.below(8) == 0) sched::set_nice(thread, static_cast<int>(random.below(20)));
                sched::set_affinity(thread, 1 + random.below(all_cpus));
                return {};
            });
            check(found.ok(), "the thread is alive");
            ++moves[which].done;
            leave_kernel();
            if (random.below(4) == 0) sched::yield();
        }
        --moving;
    });
    crew.join();
    EXPECT_GT(looked, 0u);
    EXPECT_GT(moves[0].done, 0u);
}

// Importance changes while threads run, wait for their turn, or wait for something else.
TEST(Cpus, ThreadsThatBecomeMoreOrLessImportant) {
    constexpr unsigned threads = 8;
    struct {
        sync::Spinlock lock{sync::Rank::File};
        sched::WaitQueue queue;
    } shared;
    std::atomic<unsigned> changing{2};
    int ids[threads];
    Crew crew;
    const Span span{1500};
    for (unsigned i = 0; i < threads; ++i) {
        ids[i] = crew.start([&, i] {
            Random random{i};
            while (!span.over() || changing != 0) {
                rest(random);
                {
                    const sync::Guard guard{shared.lock};
                    if (random.below(2) == 0) shared.queue.wake_one();
                    else shared.queue.wait(shared.lock, now() + Duration::microseconds(200));
                }
                progress();
                leave_kernel();
            }
        });
    }
    crew.start_many(2, [&](unsigned number) {
        Random random{100 + number};
        constexpr struct {
            int policy, priority;
        } choices[] = {{0, 0}, {sched::policy_idle, 0}, {sched::policy_fifo, 5}, {sched::policy_round_robin, 50}};
        while (!span.over()) {
            const auto found = sched::with_thread(ids[random.below(threads)], [&](sched::Thread& thread) -> Result<void> {
                const auto& choice = choices[random.below(std::size(choices))];
                if (random.below(2) == 0) sched::set_policy(thread, choice.policy, choice.priority);
                else sched::set_inherited_importance(thread, static_cast<unsigned>(random.below(sched::level_count)));
                (void)sched::importance(thread);
                return {};
            });
            check(found.ok(), "the thread is alive");
            (void)sched::runnable_count();
            (void)sched::total_cpu_time();
            leave_kernel();
            sched::yield();
        }
        --changing;
    });
    crew.join();
}

// A change takes a thread out of its queue for a moment, just when its CPU may look whether it can go to sleep. Nobody else comes
// to that CPU, who would wake it by chance.
TEST(Cpus, ImportanceChangesOnTheWayToAnIdleCpu) {
    struct {
        sync::Spinlock lock{sync::Rank::File};
        sched::WaitQueue queues[2];
        unsigned turn = 0;
    } shared;
    std::atomic<unsigned> playing{2};
    int ids[2];
    Crew crew;
    const Span span{1500};
    for (unsigned side = 0; side < 2; ++side) {
        ids[side] = crew.start([&, side] {
            while (!span.over()) {
                {
                    const sync::Guard guard{shared.lock};
                    while (shared.turn != side && playing == 2) shared.queues[side].wait(shared.lock);
                    shared.turn = 1 - side;
                    shared.queues[1 - side].wake_one();
                }
                progress();
                leave_kernel();
            }
            const sync::Guard guard{shared.lock};
            --playing;
            shared.queues[1 - side].wake_one();
        }, only(1 + side));
    }
    crew.start([&] {
        Random random{1};
        while (playing == 2) {
            (void)sched::with_thread(ids[random.below(2)], [&](sched::Thread& thread) -> Result<void> {
                sched::set_inherited_importance(thread, static_cast<unsigned>(random.below(2)));
                return {};
            });
        }
    }, only(3));
    crew.join();
}

// More threads than CPUs, made on one: the others come and take some.
TEST(Cpus, IdleCpusTakeWorkOver) {
    std::array<std::atomic<uint64_t>, cpu_count> work{};
    Crew crew;
    const Span span{1000};
    crew.start_many(4 * cpu_count, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            ++work[arch::cpu_index()];
            if (random.below(16) == 0) rest(random);
            progress();
            leave_kernel();
        }
    });
    crew.join();
    for (const auto& count : work) EXPECT_GT(count, 0u);
    uint64_t switches = 0;
    for (unsigned i = 0; i < cpu_count; ++i) switches += sched::counts(i).context_switches;
    EXPECT_GT(switches, 0u);
}

}  // namespace
}  // namespace eremite::test
