// What the C library builds on futexes, each with the invariant that it is there to keep.
#include <pthread.h>
#include <semaphore.h>

#include <array>
#include <atomic>
#include <deque>

#include "stress.hpp"

namespace stress {

namespace {

constexpr int workers = 8;

// Several threads add to a sum under a mutex and give way in the middle, now and then.
void one_mutex(int type, int protocol) {
    pthread_mutexattr_t attributes;
    pthread_mutex_t mutex;
    REQUIRE(pthread_mutexattr_init(&attributes) == 0 && pthread_mutexattr_settype(&attributes, type) == 0);
    REQUIRE(pthread_mutexattr_setprotocol(&attributes, protocol) == 0 && pthread_mutex_init(&mutex, &attributes) == 0);
    long sum = 0;
    int inside = 0;
    constexpr int rounds = 300;
    in_threads(workers, [&](int worker) {
        Random random(worker);
        for (int i = 0; i < rounds; ++i) {
            if (random.below(8) != 0 || pthread_mutex_trylock(&mutex) != 0) REQUIRE(pthread_mutex_lock(&mutex) == 0);
            const bool again = type == PTHREAD_MUTEX_RECURSIVE;
            if (again) REQUIRE(pthread_mutex_lock(&mutex) == 0);
            REQUIRE(inside++ == 0);
            const long old = sum;
            if (random.below(16) == 0) sched_yield();
            sum = old + worker;
            --inside;
            if (again) REQUIRE(pthread_mutex_unlock(&mutex) == 0);
            REQUIRE(pthread_mutex_unlock(&mutex) == 0);
            progress();
        }
    });
    REQUIRE(sum == rounds * workers * (workers - 1) / 2);
    REQUIRE(pthread_mutex_destroy(&mutex) == 0 && pthread_mutexattr_destroy(&attributes) == 0);
}

}  // namespace

void mutexes() {
    for (int type : {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP})
        one_mutex(type, PTHREAD_PRIO_NONE);
}

void inheriting_mutexes() {
    for (int type : {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK}) one_mutex(type, PTHREAD_PRIO_INHERIT);
}

// A bounded queue between producers and consumers: what goes in comes out once, whoever is woken.
void conditions() {
    constexpr int producers = 4, consumers = 4, items = 400, room = 3;
    constexpr long end = -1;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
    std::deque<long> queue;
    std::atomic<long> sum = 0, count = 0;
    const auto put = [&](long item) {
        REQUIRE(pthread_mutex_lock(&mutex) == 0);
        while (queue.size() >= room) REQUIRE(pthread_cond_wait(&not_full, &mutex) == 0);
        queue.push_back(item);
        REQUIRE(pthread_cond_signal(&not_empty) == 0);
        REQUIRE(pthread_mutex_unlock(&mutex) == 0);
    };
    in_threads(producers + consumers, [&](int i) {
        if (i < producers) {
            for (long k = 1; k <= items; ++k) put(i * items + k);
            return;
        }
        for (;;) {
            REQUIRE(pthread_mutex_lock(&mutex) == 0);
            while (queue.empty()) REQUIRE(pthread_cond_wait(&not_empty, &mutex) == 0);
            const long item = queue.front();
            queue.pop_front();
            REQUIRE(queue.size() < room);
            if (item != end) REQUIRE(pthread_cond_signal(&not_full) == 0);
            REQUIRE(pthread_mutex_unlock(&mutex) == 0);
            progress();
            if (item == end) return;
            sum += item;
            if (++count == producers * items) break;
        }
        // The last item is taken: the other consumers are told.
        for (int k = 1; k < consumers; ++k) {
            REQUIRE(pthread_mutex_lock(&mutex) == 0);
            queue.push_front(end);
            REQUIRE(pthread_cond_broadcast(&not_empty) == 0);
            REQUIRE(pthread_mutex_unlock(&mutex) == 0);
            // One at a time, to stay within the queue's room.
            for (bool taken = false; !taken; sched_yield()) {
                REQUIRE(pthread_mutex_lock(&mutex) == 0);
                taken = queue.empty();
                REQUIRE(pthread_mutex_unlock(&mutex) == 0);
            }
        }
    });
    constexpr long all = static_cast<long>(producers) * items;
    REQUIRE(count == all && sum == all * (all + 1) / 2);
    REQUIRE(pthread_cond_destroy(&not_empty) == 0 && pthread_cond_destroy(&not_full) == 0);
}

// Nobody leaves a barrier before everybody has come, and exactly one is told so.
void barriers() {
    constexpr int rounds = 100;
    pthread_barrier_t barrier;
    REQUIRE(pthread_barrier_init(&barrier, nullptr, workers) == 0);
    std::array<std::atomic<int>, rounds> arrived{}, chosen{};
    in_threads(workers, [&](int) {
        for (int i = 0; i < rounds; ++i) {
            ++arrived[i];
            const int result = pthread_barrier_wait(&barrier);
            REQUIRE(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
            chosen[i] += result == PTHREAD_BARRIER_SERIAL_THREAD;
            REQUIRE(arrived[i] == workers);
            progress();
        }
    });
    for (const auto& one : chosen) REQUIRE(one == 1);
    REQUIRE(pthread_barrier_destroy(&barrier) == 0);
}

void semaphores() {
    constexpr int tokens = 3, rounds = 300;
    sem_t semaphore;
    REQUIRE(sem_init(&semaphore, 0, tokens) == 0);
    std::atomic<int> inside = 0;
    in_threads(workers, [&](int worker) {
        Random random(worker);
        for (int i = 0; i < rounds; ++i) {
            if (random.below(4) != 0 || sem_trywait(&semaphore) != 0) REQUIRE(sem_wait(&semaphore) == 0);
            const int now = ++inside;
            REQUIRE(now >= 1 && now <= tokens);
            if (random.below(4) == 0) sched_yield();
            --inside;
            REQUIRE(sem_post(&semaphore) == 0);
            progress();
        }
    });
    int left;
    REQUIRE(sem_getvalue(&semaphore, &left) == 0 && left == tokens);
    REQUIRE(sem_destroy(&semaphore) == 0);
}

// Readers see the two halves equal; writers are alone.
void reader_writer_locks() {
    constexpr int rounds = 300;
    for (int kind : {PTHREAD_RWLOCK_PREFER_READER_NP, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP}) {
        pthread_rwlockattr_t attributes;
        pthread_rwlock_t lock;
        REQUIRE(pthread_rwlockattr_init(&attributes) == 0 && pthread_rwlockattr_setkind_np(&attributes, kind) == 0);
        REQUIRE(pthread_rwlock_init(&lock, &attributes) == 0);
        long first = 0, second = 0;
        std::atomic<long> written = 0;
        in_threads(workers, [&](int worker) {
            Random random(worker);
            for (int i = 0; i < rounds; ++i) {
                if (random.below(4) == 0) {
                    REQUIRE(pthread_rwlock_wrlock(&lock) == 0);
                    REQUIRE(first == second);
                    ++first;
                    if (random.below(4) == 0) sched_yield();
                    ++second;
                    ++written;
                } else {
                    REQUIRE(pthread_rwlock_rdlock(&lock) == 0);
                    REQUIRE(first == second);
                    if (random.below(8) == 0) sched_yield();
                    REQUIRE(first == second);
                }
                REQUIRE(pthread_rwlock_unlock(&lock) == 0);
                progress();
            }
        });
        REQUIRE(first == written && second == written);
        REQUIRE(pthread_rwlock_destroy(&lock) == 0 && pthread_rwlockattr_destroy(&attributes) == 0);
    }
}

void once() {
    for (int i = 0; i < 20; ++i) {
        static std::atomic<int> calls;
        static pthread_once_t control;
        calls = 0;
        control = PTHREAD_ONCE_INIT;
        in_threads(workers, [](int) {
            REQUIRE(pthread_once(&control, [] {
                        sched_yield();
                        ++calls;
                    }) == 0);
            REQUIRE(calls == 1);
            progress();
        });
    }
}

}  // namespace stress
