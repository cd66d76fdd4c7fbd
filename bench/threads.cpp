// What threads cost: creation, and a round trip between two of them on one CPU. One line per measurement: `name unit value`.
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
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

using eremite::bench::measure;
using eremite::bench::Options;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

// With more than one CPU a round trip would be a race between wake-up and spinning down, and the worlds would not be comparable.
void stay_on_one_cpu() {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0 && get_nprocs() > 1) fail("sched_setaffinity");
}

pthread_t start(void* (*body)(void*), void* argument) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, body, argument) != 0) fail("pthread_create");
    return thread;
}

void create_and_join() {
    pthread_t thread = start([](void*) -> void* { return nullptr; }, nullptr);
    if (pthread_join(thread, nullptr) != 0) fail("pthread_join");
}

// A partner thread answers each `ping` once, until it is told to stop.
struct Partner {
    std::function<void()> await_ping, answer;
    std::atomic<bool> stop = false;

    static void* run(void* argument) {
        auto& self = *static_cast<Partner*>(argument);
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

void futex_round_trip(const Options& options) {
    static std::atomic<uint32_t> turn = 0;
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
    Partner partner{[=] { await(1); }, [=] { give(0); }};
    measure_round_trip(options, "futex", partner, [=] { give(1); }, [=] { await(0); });
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

}  // namespace

int main(int argc, char** argv) {
    Options options = eremite::bench::parse_options(argc, argv);
    stay_on_one_cpu();
    measure(options, "pthread", create_and_join);
    futex_round_trip(options);
    pipe_round_trip(options);
    eventfd_round_trip(options);
    return eremite::bench::finish(options, 0);
}
