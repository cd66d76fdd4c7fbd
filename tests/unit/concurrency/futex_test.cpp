// Futexes, used as C libraries use them: locks, conditions, and locks whose owner inherits importance.
#include "libos/syscall/futex.hpp"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/futex.h>

#include <atomic>

#include "crew.hpp"
#include "libos/sched/run_queue.hpp"
#include "libos/sched/threads.hpp"
#include "user_memory.hpp"

namespace eremite::test {
namespace {

class Futexes : public testing::Test {
protected:
    static void SetUpTestSuite() { syscall::start_futexes(); }
    void SetUp() override { clear_words(); }
};

// The result, or -errno.
long futex(const Word& at, int operation, uint32_t value, uint64_t timeout_or_value = 0, const Word* second = nullptr, uint32_t third = 0) {
    const Result<long> result = syscall::sys_futex(address_of(at), operation | FUTEX_PRIVATE_FLAG, value, timeout_or_value,
                                                   second ? address_of(*second) : VirtualAddress{}, third);
    leave_kernel();
    return result.ok() ? result.value() : -result.code();
}

// 0: free, 1: taken, 2: taken, and somebody may wait (Drepper, "Futexes Are Tricky", mutex 2).
void lock(Word& mutex) {
    uint32_t seen = 0;
    if (mutex.compare_exchange_strong(seen, 1)) return;
    if (seen != 2) seen = mutex.exchange(2);
    while (seen != 0) {
        const long result = futex(mutex, FUTEX_WAIT, 2);
        check(result == 0 || result == -EAGAIN, "a wait for a mutex");
        seen = mutex.exchange(2);
    }
}

void unlock(Word& mutex) {
    if (mutex.fetch_sub(1) == 1) return;
    mutex = 0;
    check(futex(mutex, FUTEX_WAKE, 1) >= 0, "a mutex is released");
}

TEST_F(Futexes, Mutexes) {
    constexpr unsigned threads = 8;
    struct {
        Word& mutex = word(0);
        uint64_t sum = 0;
        unsigned inside = 0;
    } shared;
    std::atomic<uint64_t> added{0};
    Crew crew;
    const Span span{1500};
    crew.start_many(threads, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            lock(shared.mutex);
            check(shared.inside++ == 0, "alone");
            if (random.below(16) == 0) sched::yield();
            ++shared.sum;
            --shared.inside;
            unlock(shared.mutex);
            added.fetch_add(1, std::memory_order_relaxed);
            progress();
            leave_kernel();
        }
    });
    crew.join();
    EXPECT_GT(shared.sum, 0u);
    EXPECT_EQ(shared.sum, added);
}

// Whoever waits for the sequence number is moved to the mutex by a broadcast instead of being woken for nothing.
TEST_F(Futexes, ABroadcastMovesWaiters) {
    constexpr unsigned waiters = 6;
    Word &mutex = word(0), &sequence = word(1);
    unsigned waiting = 0, generation = 0;
    bool over = false;
    std::atomic<unsigned> passed{0};
    Crew crew;
    const Span span{1500};
    crew.start_many(waiters, [&](unsigned) {
        for (bool ends = false; !ends;) {
            lock(mutex);
            const unsigned mine = generation;
            ++waiting;
            while (generation == mine && !over) {
                const uint32_t seen = sequence;
                unlock(mutex);
                const long result = futex(sequence, FUTEX_WAIT, seen);
                check(result == 0 || result == -EAGAIN, "a wait for a condition");
                // Whoever was moved here may leave others behind.
                while (mutex.exchange(2) != 0) (void)futex(mutex, FUTEX_WAIT, 2);
            }
            --waiting;
            ends = over;
            unlock(mutex);
            ++passed;
            progress();
        }
    });
    crew.start([&] {
        for (bool ends = false; !ends;) {
            lock(mutex);
            if (waiting == waiters || span.over()) {
                ++generation;
                over = span.over();
                const uint32_t next = ++sequence;
                check(futex(sequence, FUTEX_CMP_REQUEUE, 1, waiters, &mutex, next) >= 0, "a broadcast");
            }
            ends = over;
            unlock(mutex);
            sched::yield();
            leave_kernel();
        }
    });
    crew.join();
    EXPECT_GE(passed, waiters);
}

// The time ends, the word changes, a waker comes: who was woken is counted on both sides.
TEST_F(Futexes, TimesThatEndWhileSomebodyWakes) {
    constexpr unsigned waiters = 6;
    std::atomic<unsigned> left{waiters};
    std::atomic<long> given{0}, received{0}, timed_out{0};
    Crew crew;
    const Span span{1500};
    crew.start_many(waiters, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            const Word& mine = word(number % 2);
            const Instant end = now() + Duration::microseconds(static_cast<int64_t>(random.below(300)));
            const uint32_t bits = 1u << number;
            switch (-futex(mine, FUTEX_WAIT_BITSET, 0, timespec_of(end).value, nullptr, bits)) {
            case 0: ++received; break;
            case ETIMEDOUT:
                check(now() >= end, "a wait ended before its time");
                ++timed_out;
                break;
            default: check(false, "a wait with a time");
            }
            progress();
        }
        --left;
    });
    crew.start_many(2, [&](unsigned number) {
        Random random{100 + number};
        while (left != 0) {
            const Word &one = word(0), &other = word(1);
            switch (random.below(8)) {
            case 0: given += futex(one, FUTEX_WAKE_BITSET, 2, 0, nullptr, 1u << random.below(waiters)); break;
            case 1: given += futex(other, FUTEX_WAKE, 1); break;
            // Those that are moved are not given a wake-up by that.
            case 2:
            case 3: (void)futex(other, FUTEX_REQUEUE, 0, 2, &one); break;
            default: (void)futex(one, FUTEX_REQUEUE, 0, 2, &other); break;
            }
            sched::yield();
        }
    });
    crew.join();
    EXPECT_EQ(given, received);
    EXPECT_GT(received, 0);
    EXPECT_GT(timed_out, 0);
}

// As glibc does it: the word holds the owner's id, and the kernel is asked only where somebody waits.
bool lock_pi(Word& mutex, uint64_t timeout = 0) {
    const auto id = static_cast<uint32_t>(sched::current_thread().id);
    uint32_t seen = 0;
    if (mutex.compare_exchange_strong(seen, id)) return true;
    const long result = futex(mutex, FUTEX_LOCK_PI2, 0, timeout);
    if (result != 0) check(timeout != 0 && result == -ETIMEDOUT, "the lock is had");
    return result == 0;
}

void unlock_pi(Word& mutex) {
    uint32_t seen = static_cast<uint32_t>(sched::current_thread().id);
    if (!mutex.compare_exchange_strong(seen, 0)) check(futex(mutex, FUTEX_UNLOCK_PI, 0) == 0, "the lock is given away");
}

TEST_F(Futexes, InheritedImportance) {
    constexpr unsigned threads = 8;
    struct {
        Word& mutex = word(0);
        uint64_t sum = 0;
        unsigned inside = 0;
    } shared;
    std::atomic<uint64_t> added{0};
    std::atomic<unsigned> changing{1}, left_important{0};
    int ids[threads];
    Crew crew;
    const Span span{2000};
    for (unsigned i = 0; i < threads; ++i) {
        ids[i] = crew.start([&, i] {
            Random random{i};
            while (!span.over() || changing != 0) {
                const bool in_time = random.below(4) == 0;
                const Instant end = now() + Duration::microseconds(static_cast<int64_t>(random.below(200)));
                if (lock_pi(shared.mutex, in_time ? timespec_of(end).value : 0)) {
                    check(shared.inside++ == 0, "alone");
                    if (random.below(8) == 0) sched::yield();
                    ++shared.sum;
                    --shared.inside;
                    unlock_pi(shared.mutex);
                    added.fetch_add(1, std::memory_order_relaxed);
                    progress();
                }
                leave_kernel();
            }
            if (sched::current_thread().inherited_level != 0) ++left_important;
        });
    }
    crew.start([&] {
        Random random{100};
        while (!span.over()) {
            const auto found = sched::with_thread(ids[random.below(threads)], [&](sched::Thread& thread) -> Result<void> {
                const bool real_time = random.below(2) == 0;
                sched::set_policy(thread, real_time ? sched::policy_round_robin : 0, real_time ? 1 + static_cast<int>(random.below(9)) : 0);
                return {};
            });
            check(found.ok(), "the thread is alive");
            sched::yield();
            leave_kernel();
        }
        changing = 0;
    });
    crew.join();
    EXPECT_GT(shared.sum, 0u);
    EXPECT_EQ(shared.sum, added);
    EXPECT_EQ(left_important, 0u);
    EXPECT_EQ(word(0), 0u);
}

// The word that a thread's end zeroes, as pthread_join(3) waits for it.
TEST_F(Futexes, EndsOfThreads) {
    std::atomic<unsigned> joined{0};
    Crew crew;
    const Span span{1000};
    crew.start_many(4, [&](unsigned number) {
        Word& alive = word(number);
        while (!span.over()) {
            alive = 1;
            crew.start([&alive] {
                sched::current_thread().clear_at_exit = address_of(alive);
                leave_kernel();
                syscall::release_futexes(sched::current_thread());
            });
            while (alive == 1) {
                const long result = futex(alive, FUTEX_WAIT, 1);
                check(result == 0 || result == -EAGAIN, "a wait for a thread");
            }
            ++joined;
            progress();
        }
    });
    crew.join();
    EXPECT_GE(joined, 4u);
}

}  // namespace
}  // namespace eremite::test
