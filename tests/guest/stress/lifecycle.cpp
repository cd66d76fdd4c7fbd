// Threads that come and go.
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <set>

#include "stress.hpp"

namespace stress {

namespace {

thread_local uint64_t local = 11;

void* twice(void* argument) {
    local += reinterpret_cast<uintptr_t>(argument);
    progress();
    return reinterpret_cast<void*>(2 * (local - 11));
}

}  // namespace

// 10,000 threads, made by several threads at once.
void create_and_join() {
    constexpr int makers = 4, bursts = 250, burst = 10;
    std::atomic<int> joined = 0;
    in_threads(makers, [&](int maker) {
        for (int i = 0; i < bursts; ++i) {
            pthread_t threads[burst];
            for (int k = 0; k < burst; ++k)
                REQUIRE(pthread_create(&threads[k], nullptr, twice, reinterpret_cast<void*>(static_cast<uintptr_t>(maker * 1000 + k))) == 0);
            for (int k = 0; k < burst; ++k) {
                void* result;
                REQUIRE(pthread_join(threads[k], &result) == 0);
                REQUIRE(reinterpret_cast<uintptr_t>(result) == 2u * (maker * 1000 + k));
                ++joined;
            }
        }
    });
    REQUIRE(joined == makers * bursts * burst);
}

// 1,000 threads alive at once, each with its own stack, thread-local storage and id.
void alive_together() {
    constexpr int count = 1000;
    std::mutex mutex;
    std::condition_variable changed;
    std::set<const void*> stacks, locals;
    std::set<long> ids;
    int arrived = 0;
    in_threads(count, [&](int i) {
        volatile char on_stack = static_cast<char>(i);
        local = i;
        std::unique_lock lock{mutex};
        stacks.insert(const_cast<const char*>(&on_stack));
        locals.insert(&local);
        ids.insert(syscall(SYS_gettid));
        progress();
        if (++arrived == count) changed.notify_all();
        changed.wait(lock, [&] { return arrived == count; });
        lock.unlock();
        REQUIRE(local == static_cast<uint64_t>(i) && on_stack == static_cast<char>(i));
    });
    REQUIRE(stacks.size() == count && locals.size() == count && ids.size() == count);
}

void detached() {
    constexpr int count = 1000;
    static std::atomic<int> left;
    static sem_t all_gone, room;
    left = count;
    REQUIRE(sem_init(&all_gone, 0, 0) == 0 && sem_init(&room, 0, 50) == 0);
    for (int i = 0; i < count; ++i) {
        REQUIRE(sem_wait(&room) == 0);
        std::thread{[] {
            progress();
            REQUIRE(sem_post(&room) == 0);
            if (--left == 0) REQUIRE(sem_post(&all_gone) == 0);
        }}.detach();
    }
    REQUIRE(sem_wait(&all_gone) == 0);
}

// Threads end in every way while others are made, joined and detached; destructors run, and robust mutexes change hands.
void exit_races() {
    static pthread_key_t key;
    static std::atomic<int> destroyed;
    static const bool made = pthread_key_create(&key, [](void*) { ++destroyed; }) == 0;
    REQUIRE(made);
    constexpr int makers = 4, rounds = 60;
    destroyed = 0;
    in_threads(makers, [&](int maker) {
        Random random(maker);
        pthread_mutexattr_t attributes;
        pthread_mutex_t robust;
        REQUIRE(pthread_mutexattr_init(&attributes) == 0 && pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
        REQUIRE(pthread_mutex_init(&robust, &attributes) == 0);
        for (int i = 0; i < rounds; ++i) {
            pthread_t owner, other;
            const auto own_and_die = [](void* mutex) -> void* {
                REQUIRE(pthread_setspecific(key, mutex) == 0);
                const int result = pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex));
                REQUIRE(result == 0 || result == EOWNERDEAD);
                if (result == EOWNERDEAD) REQUIRE(pthread_mutex_consistent(static_cast<pthread_mutex_t*>(mutex)) == 0);
                pthread_exit(mutex);
            };
            REQUIRE(pthread_create(&owner, nullptr, own_and_die, &robust) == 0);
            REQUIRE(pthread_create(&other, nullptr, own_and_die, &robust) == 0);
            if (random.below(2)) sched_yield();
            void* result;
            REQUIRE(pthread_join(owner, &result) == 0 && result == &robust);
            REQUIRE(pthread_join(other, &result) == 0 && result == &robust);
            REQUIRE(pthread_mutex_lock(&robust) == EOWNERDEAD);
            REQUIRE(pthread_mutex_consistent(&robust) == 0 && pthread_mutex_unlock(&robust) == 0);
            progress();
        }
        REQUIRE(pthread_mutex_destroy(&robust) == 0 && pthread_mutexattr_destroy(&attributes) == 0);
    });
    REQUIRE(destroyed == makers * rounds * 2);
}

// Many sleep for times of their own; nobody wakes early, and everybody wakes.
void sleepers() {
    constexpr int count = 300;
    const auto now = [] {
        timespec time;
        REQUIRE(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
        return time.tv_sec * 1'000'000'000L + time.tv_nsec;
    };
    in_threads(count, [&](int i) {
        Random random(i);
        for (int k = 0; k < 3; ++k) {
            const long duration = 1 + static_cast<long>(random.below(20'000'000));
            const long start = now(), end = start + duration;
            if (i % 2) {
                const timespec time{0, duration};
                REQUIRE(nanosleep(&time, nullptr) == 0);
            } else {
                const timespec time{end / 1'000'000'000, end % 1'000'000'000};
                REQUIRE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == 0);
            }
            REQUIRE(now() >= end);
            progress();
        }
    });
}

}  // namespace stress
