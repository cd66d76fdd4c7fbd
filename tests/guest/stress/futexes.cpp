// Futexes themselves, as futex(2) describes them.
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>

#include "stress.hpp"

namespace stress {

namespace {

using Word = std::atomic<uint32_t>;

// The result of the system call, or the negative errno.
long futex(Word& word, int operation, uint32_t value, const timespec* timeout = nullptr, Word* second = nullptr, uint32_t third = 0) {
    const long result = syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, timeout, second, third);
    return result < 0 ? -errno : result;
}

// The same with a number of waiters where others have a timeout.
long futex_requeue(Word& from, uint32_t wake, uint32_t move, Word& to, uint32_t expected) {
    const long result = syscall(SYS_futex, &from, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, wake, static_cast<long>(move), &to, expected);
    return result < 0 ? -errno : result;
}

// The lock with three states of Ulrich Drepper's "Futexes are tricky": free, taken, taken with waiters.
class Lock {
public:
    void lock() {
        uint32_t state = 0;
        if (word_.compare_exchange_strong(state, 1)) return;
        if (state != 2) state = word_.exchange(2);
        while (state != 0) {
            const long result = futex(word_, FUTEX_WAIT, 2);
            REQUIRE(result == 0 || result == -EAGAIN || result == -EINTR);
            state = word_.exchange(2);
        }
    }
    void unlock() {
        if (word_.exchange(0) == 2) REQUIRE(futex(word_, FUTEX_WAKE, 1) >= 0);
    }

private:
    Word word_ = 0;
};

timespec from_now(clockid_t clock, long nanoseconds) {
    timespec time;
    REQUIRE(clock_gettime(clock, &time) == 0);
    time.tv_nsec += nanoseconds;
    time.tv_sec += time.tv_nsec / 1'000'000'000;
    time.tv_nsec %= 1'000'000'000;
    return time;
}

}  // namespace

void futex_lock() {
    constexpr int workers = 8, rounds = 400;
    Lock lock;
    long sum = 0;
    in_threads(workers, [&](int worker) {
        Random random(worker);
        for (int i = 0; i < rounds; ++i) {
            lock.lock();
            const long old = sum;
            if (random.below(8) == 0) sched_yield();
            sum = old + 1;
            lock.unlock();
            progress();
        }
    });
    REQUIRE(sum == workers * rounds);
}

// A token goes round; whoever does not have it sleeps without a timeout, so a lost wake-up stops everything.
void token_ring() {
    constexpr int members = 12, turns = 150;
    std::array<Word, members> words{};
    int passed = 0;
    words[0] = 1;
    in_threads(members, [&](int member) {
        Word& mine = words[member];
        Word& next = words[(member + 1) % members];
        for (int i = 0; i < turns; ++i) {
            while (mine == 0) futex(mine, FUTEX_WAIT, 0);
            mine = 0;
            ++passed;
            next = 1;
            REQUIRE(futex(next, FUTEX_WAKE, 1) >= 0);
            progress();
        }
    });
    REQUIRE(passed == members * turns);
}

// Waiters of one word are moved to another in parts; each is woken once, none is forgotten.
void requeue() {
    constexpr int count = 20;
    for (int round = 0; round < 10; ++round) {
        Word gate = 0, yard = 0;
        std::atomic<int> ready = 0, through = 0;
        std::thread mover{[&] {
            while (ready != count) sched_yield();
            // Who is not asleep yet finds the gate open.
            gate = 1;
            long moved = 0;
            while (through != count) {
                const long result = futex_requeue(gate, 1, 3, yard, 1);
                REQUIRE(result >= 0 && result <= 4);
                moved += result;
                const long woken = futex(yard, FUTEX_WAKE, 2);
                REQUIRE(woken >= 0 && woken <= 2);
                sched_yield();
            }
            REQUIRE(moved <= count);
            REQUIRE(futex_requeue(gate, 1, 1, yard, 7) == -EAGAIN);
        }};
        in_threads(count, [&](int) {
            ++ready;
            while (gate == 0) {
                const long result = futex(gate, FUTEX_WAIT, 0);
                REQUIRE(result == 0 || result == -EAGAIN || result == -EINTR);
            }
            ++through;
            progress();
        });
        mover.join();
    }
}

// Each waiter has a bit of its own, and only who is meant wakes.
void bitsets() {
    constexpr int count = 16;
    Word word = 0;
    std::array<std::atomic<bool>, count> called{};
    std::atomic<int> asleep = 0;
    std::thread caller{[&] {
        while (asleep != count) sched_yield();
        for (int i = 0; i < count; ++i) {
            called[i] = true;
            // Until it sleeps there is nobody to wake.
            long woken;
            while ((woken = futex(word, FUTEX_WAKE_BITSET, INT_MAX, nullptr, nullptr, 1u << i)) == 0) sched_yield();
            REQUIRE(woken == 1);
            progress();
        }
    }};
    in_threads(count, [&](int i) {
        ++asleep;
        const long result = futex(word, FUTEX_WAIT_BITSET, 0, nullptr, nullptr, 1u << i);
        REQUIRE(result == 0 && called[i]);
    });
    caller.join();
}

// Timeouts of next to nothing race with the wake-ups: what was posted is taken exactly once, and a timeout takes nothing.
void timed_waits() {
    constexpr int posters = 3, takers = 5, posts = 300;
    sem_t semaphore;
    REQUIRE(sem_init(&semaphore, 0, 0) == 0);
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    int available = 0;
    std::atomic<int> taken = 0, received = 0;
    in_threads(posters + takers, [&](int i) {
        Random random(i);
        if (i < posters) {
            for (int k = 0; k < posts; ++k) {
                REQUIRE(sem_post(&semaphore) == 0);
                REQUIRE(pthread_mutex_lock(&mutex) == 0);
                ++available;
                REQUIRE(pthread_cond_signal(&changed) == 0);
                REQUIRE(pthread_mutex_unlock(&mutex) == 0);
                if (random.below(4) == 0) sched_yield();
            }
            return;
        }
        while (taken < posters * posts || received < posters * posts) {
            timespec end = from_now(CLOCK_REALTIME, static_cast<long>(random.below(100'000)));
            if (sem_timedwait(&semaphore, &end) == 0) ++taken;
            else REQUIRE(errno == ETIMEDOUT);
            end = from_now(CLOCK_MONOTONIC, static_cast<long>(random.below(100'000)));
            const int locked = pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &end);
            REQUIRE(locked == 0 || locked == ETIMEDOUT);
            if (locked != 0) continue;
            if (available == 0) {
                const int result = pthread_cond_clockwait(&changed, &mutex, CLOCK_MONOTONIC, &end);
                REQUIRE(result == 0 || result == ETIMEDOUT);
            }
            if (available > 0) {
                --available;
                ++received;
                progress();
            }
            REQUIRE(pthread_mutex_unlock(&mutex) == 0);
        }
    });
    REQUIRE(taken == posters * posts && received == posters * posts && available == 0);
    int left;
    REQUIRE(sem_getvalue(&semaphore, &left) == 0 && left == 0);
    REQUIRE(sem_destroy(&semaphore) == 0 && pthread_cond_destroy(&changed) == 0);
}

}  // namespace stress
