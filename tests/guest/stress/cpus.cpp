// Where threads run, and before whom.
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "stress.hpp"

namespace stress {

namespace {

cpu_set_t only(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return set;
}

void pin_to(int cpu) {
    const cpu_set_t set = only(cpu);
    REQUIRE(pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0);
}

int cpu_by_system_call() {
    unsigned cpu;
    REQUIRE(syscall(SYS_getcpu, &cpu, nullptr, nullptr) == 0);
    return static_cast<int>(cpu);
}

}  // namespace

// Whoever is told to run on a CPU is there when the call returns, and stays. Others may tell, too.
void affinity() {
    const std::vector<int> cpus = allowed_cpus();
    in_threads(8, [&](int i) {
        Random random(i);
        for (int k = 0; k < 50; ++k) {
            const int cpu = cpus[random.below(cpus.size())];
            pin_to(cpu);
            REQUIRE(sched_getcpu() == cpu && cpu_by_system_call() == cpu);
            sched_yield();
            for (int spin = 0; spin < 100; ++spin) REQUIRE(sched_getcpu() == cpu);
            cpu_set_t set;
            REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set));
            progress();
        }
    });
    cpu_set_t none;
    CPU_ZERO(&none);
    REQUIRE(pthread_setaffinity_np(pthread_self(), sizeof none, &none) == EINVAL);
}

// Threads that compute, sleep and wait are moved between CPUs by another one.
void migration() {
    const std::vector<int> cpus = allowed_cpus();
    constexpr int count = 4;
    std::atomic<bool> stop = false;
    sem_t semaphore;
    REQUIRE(sem_init(&semaphore, 0, 0) == 0);
    std::vector<std::thread> threads;
    std::atomic<long> work = 0;
    for (int i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            double x = i;
            double same = i;
            while (!stop) {
                // The registers of the floating-point unit must move along: the two sums are made alike.
                for (int k = 0; k < 500; ++k) {
                    x = x * 1.0000001 + 0.5;
                    same = same * 1.0000001 + 0.5;
                    asm volatile("" : "+x"(x), "+x"(same));
                }
                REQUIRE(x == same);
                if (i == 1) sched_yield();
                if (i == 2) REQUIRE(sem_wait(&semaphore) == 0);
                ++work;
                progress();
            }
        });
    }
    for (int k = 0; k < 200; ++k) {
        const cpu_set_t set = only(cpus[k / count % cpus.size()]);
        REQUIRE(pthread_setaffinity_np(threads[k % count].native_handle(), sizeof set, &set) == 0);
        REQUIRE(sem_post(&semaphore) == 0);
        if (k % 3 == 0) sched_yield();
    }
    stop = true;
    REQUIRE(sem_post(&semaphore) == 0);
    for (auto& thread : threads) thread.join();
    REQUIRE(sem_destroy(&semaphore) == 0);
}

// On one CPU, a SCHED_FIFO thread that is woken by a SCHED_OTHER one runs before that one goes on; of two, the higher one first.
void real_time() {
    const int cpu = allowed_cpus().front();
    sem_t start;
    REQUIRE(sem_init(&start, 0, 0) == 0);
    std::atomic<int> runs = 0, blocked = 0;
    std::atomic<bool> stop = false, permitted = true;
    std::thread fifo{[&] {
        pin_to(cpu);
        const sched_param high{50};
        if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &high) != 0) permitted = false;
        ++blocked;
        for (;;) {
            REQUIRE(sem_wait(&start) == 0);
            if (stop) return;
            ++runs;
        }
    }};
    std::thread other{[&] {
        pin_to(cpu);
        while (blocked != 1) sched_yield();
        if (!permitted) return;
        // It may have been taken for blocked a moment before it is.
        REQUIRE(sem_post(&start) == 0);
        while (runs != 1) sched_yield();
        for (int i = 2; i < 100; ++i) {
            REQUIRE(sem_post(&start) == 0);
            REQUIRE(runs == i);
            progress();
        }
    }};
    other.join();
    stop = true;
    REQUIRE(sem_post(&start) == 0);
    fifo.join();
    if (!permitted) std::fprintf(stderr, "real_time: no permission for SCHED_FIFO here\n");
    REQUIRE(sem_destroy(&start) == 0);
    progress();
}

}  // namespace stress
