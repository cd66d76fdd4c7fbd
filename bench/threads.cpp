// What threads cost: creation, giving way, mutexes, and a round trip between two of them, on one CPU and, where there is a second one,
// between two. One line per measurement: `name unit value`.
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>

#include "measure.hpp"

namespace {

using eremite::bench::fail;
using eremite::bench::measure;
using eremite::bench::Options;
using eremite::bench::stay_on;

pthread_t start(void* (*body)(void*), void* argument) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, body, argument) != 0) fail("pthread_create");
    return thread;
}

void create_and_join() {
    pthread_t thread = start([](void*) -> void* { return nullptr; }, nullptr);
    if (pthread_join(thread, nullptr) != 0) fail("pthread_join");
}

// A partner thread on a CPU of its choice answers each `ping` once, until it is told to stop.
struct Partner {
    std::function<void()> await_ping, answer;
    int cpu = 0;
    std::atomic<bool> stop = false;

    static void* run(void* argument) {
        auto& self = *static_cast<Partner*>(argument);
        stay_on(self.cpu);
        for (;;) {
            self.await_ping();
            if (self.stop) return nullptr;
            self.answer();
        }
    }
};

// Measures `ping` followed by `await_answer`, while another thread does the opposite.
template <class Ping, class AwaitAnswer>
void measure_round_trip(const Options& options, const char* name, Partner& partner, Ping ping, AwaitAnswer await_answer) {
    if (!options.only.empty() && options.only != name) return;
    pthread_t thread = start(&Partner::run, &partner);
    measure(options, name, [&] {
        ping();
        await_answer();
    });
    partner.stop = true;
    ping();
    if (pthread_join(thread, nullptr) != 0) fail("pthread_join");
}

void futex_round_trip(const Options& options, const char* name, int cpu) {
    static std::atomic<uint32_t> turn;
    turn = 0;
    auto await = [](uint32_t mine) {
        while (turn != mine) {
            // Interruption and a value that has changed meanwhile both mean: look again.
            syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1 - mine, nullptr, nullptr, 0);
        }
    };
    auto give = [](uint32_t whose) {
        turn = whose;
        if (syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0) < 0) fail("futex");
    };
    Partner partner{[=] { await(1); }, [=] { give(0); }, cpu};
    measure_round_trip(options, name, partner, [=] { give(1); }, [=] { await(0); });
}

// `there` and `back` are pairs of descriptors to read from and to write to; a message has `Message`'s size.
template <class Message>
void descriptor_round_trip(const Options& options, const char* name, std::array<int, 2> there, std::array<int, 2> back) {
    auto receive = [](int fd) {
        Message message;
        if (read(fd, &message, sizeof message) != sizeof message) fail("read");
    };
    auto send = [](int fd) {
        Message message = 1;
        if (write(fd, &message, sizeof message) != sizeof message) fail("write");
    };
    Partner partner{[=] { receive(there[0]); }, [=] { send(back[1]); }};
    measure_round_trip(options, name, partner, [=] { send(there[1]); }, [=] { receive(back[0]); });
}

void pipe_round_trip(const Options& options) {
    std::array<int, 2> there, back;
    if (pipe(there.data()) != 0 || pipe(back.data()) != 0) fail("pipe");
    descriptor_round_trip<char>(options, "pipe", there, back);
    for (int fd : {there[0], there[1], back[0], back[1]}) close(fd);
}

void eventfd_round_trip(const Options& options) {
    int there = eventfd(0, 0), back = eventfd(0, 0);
    if (there < 0 || back < 0) fail("eventfd");
    descriptor_round_trip<uint64_t>(options, "eventfd", {there, there}, {back, back});
    close(there);
    close(back);
}

// How often the other thread of a measurement has had its turn.
std::atomic<unsigned> turns;

// Measures `operation` while another thread repeats `other` on a CPU of its choice.
template <class Operation>
void measure_beside(const Options& options, const char* name, int cpu, void (*other)(), Operation operation) {
    if (!options.only.empty() && options.only != name) return;
    struct Beside {
        int cpu;
        void (*other)();
        std::atomic<bool> stop = false;
    } beside{cpu, other};
    pthread_t thread = start(
        [](void* argument) -> void* {
            auto& self = *static_cast<Beside*>(argument);
            stay_on(self.cpu);
            while (!self.stop) self.other();
            return nullptr;
        },
        &beside);
    measure(options, name, operation);
    beside.stop = true;
    if (pthread_join(thread, nullptr) != 0) fail("pthread_join");
}

// A kernel may think it fair to go on with the thread that gives way, so what is measured ends when the other one has had a turn.
template <class Operation>
auto until_other_s_turn(Operation operation) {
    return [=] {
        const unsigned before = turns;
        do operation();
        while (turns == before);
    };
}

void yield(const Options& options) {
    const auto answer = [] {
        ++turns;
        sched_yield();
    };
    measure_beside(options, "yield", 0, answer, until_other_s_turn([] { sched_yield(); }));
}

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void mutexes(const Options& options, bool two_cpus) {
    const auto lock_and_unlock = [] {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    };
    measure(options, "mutex", lock_and_unlock);
    // Each thread gives way while it has the mutex, so that the other one finds it taken and sleeps, and gives way again when that one
    // is woken, so that it gets the mutex: they take turns.
    const auto answer = [] {
        pthread_mutex_lock(&mutex);
        ++turns;
        sched_yield();
        pthread_mutex_unlock(&mutex);
        sched_yield();
    };
    measure_beside(options, "mutex_contended", 0, answer, until_other_s_turn([] {
        pthread_mutex_lock(&mutex);
        sched_yield();
        pthread_mutex_unlock(&mutex);
        sched_yield();
    }));
    if (two_cpus) measure_beside(options, "mutex_two_cpus", 1, lock_and_unlock, lock_and_unlock);
}

void read_clock() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
}

}  // namespace

int main(int argc, char** argv) {
    Options options = eremite::bench::parse_options(argc, argv);
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) fail("sched_getaffinity");
    const bool two_cpus = CPU_ISSET(0, &cpus) && CPU_ISSET(1, &cpus);
    // Where CPUs are free to choose, a round trip is a race between wake-up and spinning down, and the worlds would not be comparable.
    stay_on(0);
    measure(options, "clock", read_clock);
    measure(options, "pthread", create_and_join);
    yield(options);
    mutexes(options, two_cpus);
    futex_round_trip(options, "futex", 0);
    if (two_cpus) futex_round_trip(options, "futex_two_cpus", 1);
    pipe_round_trip(options);
    eventfd_round_trip(options);
    return eremite::bench::finish(options, 0);
}
