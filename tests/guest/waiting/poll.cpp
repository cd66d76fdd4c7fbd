// poll, ppoll, select, pselect: readiness of pipes and event counters, timeouts, errors, and waking from another thread.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <thread>
#include <vector>

#include "show.hpp"

namespace {

using Clock = std::chrono::steady_clock;

void timeouts() {
    int ends[2];
    ::pipe(ends);
    pollfd p{ends[0], POLLIN, 0};
    auto start = Clock::now();
    show("poll, nothing", ::poll(&p, 1, 30));
    show_waited("poll", start, 30);
    show("poll, at once", ::poll(&p, 1, 0));
    start = Clock::now();
    show("poll without files", ::poll(nullptr, 0, 20));
    show_waited("poll without files", start, 20);
    timespec wait{0, 20'000'000};
    start = Clock::now();
    show("ppoll", ::syscall(SYS_ppoll, &p, 1, &wait, nullptr, 8));
    show_waited("ppoll", start, 20);
    std::printf("left: %ld\n", static_cast<long>(wait.tv_sec + wait.tv_nsec));
    wait = {5, 0};
    ::write(ends[1], "x", 1);
    show("ppoll, ready", ::syscall(SYS_ppoll, &p, 1, &wait, nullptr, 8));
    std::printf("nearly all left: %d\n", wait.tv_sec >= 3);
    wait = {0, 1'000'000'000};
    show("ppoll, bad time", ::syscall(SYS_ppoll, &p, 1, &wait, nullptr, 8));
    wait = {-1, 0};
    show("ppoll, negative time", ::syscall(SYS_ppoll, &p, 1, &wait, nullptr, 8));
    sigset_t mask{};
    wait = {0, 0};
    show("ppoll, bad mask size", ::syscall(SYS_ppoll, &p, 1, &wait, &mask, 4));
    show("ppoll, bad mask", ::syscall(SYS_ppoll, &p, 1, &wait, 8L, 8));
    show("poll, bad array", ::syscall(SYS_poll, 8L, 1, 0));
    timeval microseconds{0, 2'000'000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    show("select, many microseconds", ::syscall(SYS_select, ends[0] + 1, &set, nullptr, nullptr, &microseconds));
    microseconds = {0, -1};
    show("select, negative time", ::syscall(SYS_select, ends[0] + 1, &set, nullptr, nullptr, &microseconds));
    ::close(ends[0]);
    ::close(ends[1]);
}

void show_events(const char* what, int descriptor, short events) {
    pollfd p{descriptor, events, 0};
    const int ready = ::poll(&p, 1, 0);
    std::printf("%s: %d, %#x\n", what, ready, static_cast<unsigned>(p.revents));
}

void states() {
    int ends[2];
    ::pipe2(ends, O_NONBLOCK);
    constexpr short all = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND | POLLRDHUP;
    show_events("empty pipe, read end", ends[0], all);
    show_events("empty pipe, write end", ends[1], all);
    char block[4096]{};
    while (::write(ends[1], block, sizeof block) > 0) {
    }
    show_events("full pipe, read end", ends[0], all);
    show_events("full pipe, write end", ends[1], all);
    show_events("nothing asked for", ends[0], 0);
    ::read(ends[0], block, sizeof block);
    show_events("room again", ends[1], all);
    ::close(ends[1]);
    show_events("no writer, rest", ends[0], all);
    while (::read(ends[0], block, sizeof block) > 0) {
    }
    show_events("no writer, empty", ends[0], all);
    show_events("closed", ends[1], all);
    ::close(ends[0]);
    show_events("negative", -1, all);
    show_events("never open", 777, all);
    const int counter = ::eventfd(0, EFD_NONBLOCK);
    show_events("counter 0", counter, all);
    uint64_t value = UINT64_MAX - 1;
    ::write(counter, &value, sizeof value);
    show_events("full counter", counter, all);
    ::read(counter, &value, sizeof value);
    show_events("counter 0 again", counter, all);
    ::close(counter);
    const int file = ::memfd_create("file", 0);
    show_events("regular file", file, all);
    ::close(file);
    const int null = ::open("/dev/null", O_RDWR);
    show_events("null device", null, all);
    ::close(null);
}

// A thread waits in `wait` until this one writes.
template <typename Wait>
void woken(const char* what, Wait&& wait) {
    int ends[2], started[2];
    ::pipe(ends);
    ::pipe(started);
    long result = -1;
    std::thread waiter{[&] {
        ::write(started[1], "s", 1);
        result = wait(ends[0]);
    }};
    char c;
    ::read(started[0], &c, 1);
    // Most likely the other waits by now; the result is the same if it does not.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::write(ends[1], "x", 1);
    waiter.join();
    std::printf("%s: %ld\n", what, result);
    for (int d : {ends[0], ends[1], started[0], started[1]}) ::close(d);
}

void wakeups() {
    woken("poll is woken", [](int d) {
        pollfd p{d, POLLIN, 0};
        return ::poll(&p, 1, -1) * 100L + p.revents;
    });
    woken("select is woken", [](int d) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(d, &set);
        const long n = ::select(d + 1, &set, nullptr, nullptr, nullptr);
        return n * 100 + FD_ISSET(d, &set);
    });
    woken("pselect is woken", [](int d) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(d, &set);
        const timespec wait{60, 0};
        return static_cast<long>(::pselect(d + 1, &set, nullptr, nullptr, &wait, nullptr));
    });
    // More files than fit on a stack.
    woken("poll of many is woken", [](int d) {
        std::vector<int> counters;
        std::vector<pollfd> all;
        for (int i = 0; i < 100; ++i) {
            counters.push_back(::eventfd(0, 0));
            all.push_back({counters.back(), POLLIN, 0});
        }
        all.push_back({d, POLLIN, 0});
        const long n = ::poll(all.data(), all.size(), -1);
        const long result = n * 100 + all.back().revents;
        for (int c : counters) ::close(c);
        return result;
    });
    // The end of the writer wakes too.
    int ends[2];
    ::pipe(ends);
    std::thread closer{[&] { ::close(ends[1]); }};
    pollfd p{ends[0], POLLIN, 0};
    show("hang-up", ::poll(&p, 1, -1));
    std::printf("%#x\n", static_cast<unsigned>(p.revents));
    closer.join();
    ::close(ends[0]);
}

void sets() {
    int ends[2];
    ::pipe(ends);
    fd_set read, write, except;
    FD_ZERO(&read);
    FD_ZERO(&write);
    FD_ZERO(&except);
    for (int d : {ends[0], ends[1]}) {
        FD_SET(d, &read);
        FD_SET(d, &write);
        FD_SET(d, &except);
    }
    timeval none{0, 0};
    const int most = std::max(ends[0], ends[1]) + 1;
    show("select", ::select(most, &read, &write, &except, &none));
    for (int d : {ends[0], ends[1]}) std::printf("%d %d %d\n", FD_ISSET(d, &read), FD_ISSET(d, &write), FD_ISSET(d, &except));
    FD_ZERO(&read);
    FD_SET(40, &read);
    show("select, closed", ::select(41, &read, nullptr, nullptr, &none));
    show("select, closed, beyond the count", ::select(40, &read, nullptr, nullptr, &none));
    show("select, negative", ::select(-1, &read, nullptr, nullptr, &none));
    show("select, bad set", ::syscall(SYS_select, 10, 8L, nullptr, nullptr, &none));
    ::close(ends[0]);
    ::close(ends[1]);
}

// Two threads, each waiting in poll for what the other writes.
void ping_pong() {
    int there[2], back[2];
    ::pipe(there);
    ::pipe(back);
    constexpr int rounds = 2000;
    const auto pass_on = [](int from, int to, bool begin) {
        long sum = 0;
        for (int i = 0; i < rounds; ++i) {
            char c = static_cast<char>(i);
            if (begin) ::write(to, &c, 1);
            pollfd p{from, POLLIN, 0};
            if (::poll(&p, 1, -1) != 1 || ::read(from, &c, 1) != 1) break;
            sum += static_cast<unsigned char>(c);
            if (!begin) ::write(to, &c, 1);
        }
        return sum;
    };
    long other = 0;
    std::thread thread{[&] { other = pass_on(there[0], back[1], false); }};
    const long sum = pass_on(back[0], there[1], true);
    thread.join();
    std::printf("ping-pong: %ld %ld\n", sum, other);
    for (int d : {there[0], there[1], back[0], back[1]}) ::close(d);
}

void pipe_sizes() {
    int ends[2];
    ::pipe2(ends, O_NONBLOCK);
    show("size", ::fcntl(ends[0], F_GETPIPE_SZ));
    show("set", ::fcntl(ends[1], F_SETPIPE_SZ, 5000));
    show("size", ::fcntl(ends[0], F_GETPIPE_SZ));
    char block[8192];
    for (size_t i = 0; i < sizeof block; ++i) block[i] = static_cast<char>(i * 7);
    show("fill", ::write(ends[1], block, sizeof block));
    show("full", ::write(ends[1], block, 1));
    show("too small for what is in it", ::fcntl(ends[1], F_SETPIPE_SZ, 4096));
    show("grow", ::fcntl(ends[1], F_SETPIPE_SZ, 16384));
    show("write more", ::write(ends[1], block, sizeof block));
    char got[8192];
    long same = 0;
    for (int i = 0; i < 2; ++i) same += ::read(ends[0], got, sizeof got) == sizeof got && std::memcmp(got, block, sizeof got) == 0;
    std::printf("same: %ld\n", same);
    show("smallest", ::fcntl(ends[1], F_SETPIPE_SZ, 0));
    const int counter = ::eventfd(0, 0);
    show("not a pipe", ::fcntl(counter, F_GETPIPE_SZ));
    show("not a pipe", ::fcntl(counter, F_SETPIPE_SZ, 4096));
    for (int d : {ends[0], ends[1], counter}) ::close(d);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    timeouts();
    states();
    wakeups();
    sets();
    ping_pong();
    pipe_sizes();
}
