// Threads of the C++ library: what they compute together must be what Linux computes.
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <numeric>
#include <set>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

void mutual_exclusion() {
    std::mutex mutex;
    long sum = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 50; ++i) {
        threads.emplace_back([&, i] {
            for (int k = 0; k < 200; ++k) {
                const std::lock_guard guard{mutex};
                sum += i;
                if (k % 50 == 0) std::this_thread::yield();
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::printf("sum under a mutex: %ld\n", sum);
}

void ping_pong() {
    std::mutex mutex;
    std::condition_variable changed;
    bool first_is_next = true;
    long count = 0;
    const auto play = [&](bool first) {
        for (int i = 0; i < 500; ++i) {
            std::unique_lock lock{mutex};
            changed.wait(lock, [&] { return first_is_next == first; });
            first_is_next = !first;
            ++count;
            changed.notify_all();
        }
    };
    std::thread a{play, true}, b{play, false};
    a.join();
    b.join();
    std::printf("ping-pong: %ld\n", count);
}

// The spinning thread never gives way: it must be preempted.
void preemption() {
    std::atomic<bool> stop = false;
    std::thread spinner{[&] {
        while (!stop) {
        }
    }};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop = true;
    spinner.join();
    std::printf("a spinning thread was preempted\n");
}

// Each thread keeps its own floating-point registers and rounding.
void floating_point() {
    std::vector<std::future<double>> results;
    for (int i = 1; i <= 4; ++i) {
        results.push_back(std::async(std::launch::async, [i] {
            double x = i;
            for (int k = 0; k < 200'000; ++k) x = x * 1.0000001 + 1e-9;
            return x;
        }));
    }
    for (auto& result : results) std::printf("%.12f\n", result.get());
}

thread_local int local = 7;

void identity() {
    std::mutex mutex;
    std::set<long> ids;
    std::vector<std::thread> threads;
    int locals = 0;
    for (int i = 0; i < 10; ++i) {
        threads.emplace_back([&, i] {
            local += i;
            std::this_thread::yield();
            const std::lock_guard guard{mutex};
            locals += local - 7;
            ids.insert(::syscall(SYS_gettid));
        });
    }
    for (auto& thread : threads) thread.join();
    std::printf("different ids: %zu, thread-local variables: %d, ours: %d\n", ids.size(), locals, local);
}

void exceptions() {
    std::promise<int> promise;
    auto future = promise.get_future();
    std::thread{[&] {
        try {
            throw std::runtime_error("thrown in a thread");
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
    }}.join();
    try {
        future.get();
    } catch (const std::exception& error) {
        std::printf("%s\n", error.what());
    }
}

void readers_and_writers() {
    std::shared_mutex mutex;
    int value = 0;
    std::atomic<int> torn = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            for (int k = 0; k < 100; ++k) {
                if (i % 4 == 0) {
                    const std::unique_lock lock{mutex};
                    ++value;
                    std::this_thread::yield();
                    ++value;
                } else {
                    const std::shared_lock lock{mutex};
                    if (value % 2 != 0) ++torn;
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::printf("written %d, torn reads %d\n", value, torn.load());
}

void barrier() {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, nullptr, 6);
    std::atomic<int> arrived = 0, serial = 0, early = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            for (int round = 1; round <= 50; ++round) {
                ++arrived;
                if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) ++serial;
                if (arrived < 6 * round) ++early;
                pthread_barrier_wait(&barrier);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    pthread_barrier_destroy(&barrier);
    std::printf("barrier: %d serial, %d early\n", serial.load(), early.load());
}

// A robust mutex tells the next owner that the last one died.
void robust_mutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_t mutex;
    pthread_mutex_init(&mutex, &attributes);
    std::thread{[&] { pthread_mutex_lock(&mutex); }}.join();
    const int code = pthread_mutex_lock(&mutex);
    std::printf("robust mutex: %s\n", code == EOWNERDEAD ? "its owner died" : "?");
    pthread_mutex_consistent(&mutex);
    pthread_mutex_unlock(&mutex);
    pthread_mutex_destroy(&mutex);
    pthread_mutexattr_destroy(&attributes);
}

void timeouts() {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock{mutex};
    const auto start = std::chrono::steady_clock::now();
    const bool timed_out = never.wait_for(lock, std::chrono::milliseconds(15)) == std::cv_status::timeout;
    const auto waited = std::chrono::steady_clock::now() - start;
    std::printf("timed out: %d, not too early: %d\n", timed_out, waited >= std::chrono::milliseconds(15));
}

void many() {
    int done = 0;
    std::mutex mutex;
    for (int round = 0; round < 20; ++round) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 50; ++i)
            threads.emplace_back([&] {
                const std::lock_guard guard{mutex};
                ++done;
            });
        for (auto& thread : threads) thread.join();
    }
    std::printf("threads that came and went: %d\n", done);
}

}  // namespace

int main() {
    mutual_exclusion();
    ping_pong();
    preemption();
    floating_point();
    identity();
    exceptions();
    readers_and_writers();
    barrier();
    robust_mutex();
    timeouts();
    many();
    // The main thread may end before others: the last one ends the program.
    std::thread{[] {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        std::printf("the last thread\n");
    }}.detach();
    pthread_exit(nullptr);
}
