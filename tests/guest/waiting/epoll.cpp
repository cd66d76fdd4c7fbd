// epoll: level, edge, one-shot, exclusive, nested, files that end, many threads, and every error.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include "show.hpp"

namespace {

using Clock = std::chrono::steady_clock;

int control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data = 0) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    return ::epoll_ctl(epoll, operation, descriptor, &event);
}
int add(int epoll, int descriptor, uint32_t events, uint64_t data = 0) { return control(epoll, EPOLL_CTL_ADD, descriptor, events, data); }

// Prints what is ready now.
void show_ready(const char* what, int epoll, int most = 10, int timeout = 0) {
    epoll_event events[10];
    const int n = ::epoll_wait(epoll, events, most, timeout);
    std::printf("%s: %d", what, n);
    for (int i = 0; i < n; ++i) std::printf(" [%lu %#x]", static_cast<unsigned long>(events[i].data.u64), events[i].events);
    std::printf("\n");
}

void put(int counter, uint64_t value = 1) { ::write(counter, &value, sizeof value); }
void take(int counter) {
    uint64_t value;
    ::read(counter, &value, sizeof value);
}

void level_edge_one_shot() {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    int counters[3];
    const uint32_t modes[3] = {0, EPOLLET, EPOLLONESHOT};
    for (int i = 0; i < 3; ++i) {
        counters[i] = ::eventfd(0, EFD_NONBLOCK);
        add(epoll, counters[i], EPOLLIN | modes[i], static_cast<uint64_t>(i));
    }
    show_ready("nothing", epoll);
    for (int c : counters) put(c);
    show_ready("all", epoll);
    show_ready("level", epoll);
    for (int c : counters) put(c);
    show_ready("level and edge", epoll);
    control(epoll, EPOLL_CTL_MOD, counters[2], EPOLLIN | EPOLLONESHOT, 7);
    show_ready("armed again", epoll);
    control(epoll, EPOLL_CTL_MOD, counters[1], EPOLLIN | EPOLLET, 1);
    show_ready("edge modified", epoll);
    control(epoll, EPOLL_CTL_MOD, counters[0], EPOLLOUT, 0);
    show_ready("writable", epoll);
    control(epoll, EPOLL_CTL_MOD, counters[0], 0, 0);
    show_ready("not wanted", epoll);
    for (int c : counters) take(c);
    show_ready("empty", epoll);
    for (int c : counters) ::close(c);
    show_ready("closed", epoll);
    ::close(epoll);
}

// One event at a time: every file has its turn.
void turns() {
    const int epoll = ::epoll_create(1);
    std::vector<int> counters;
    for (uint64_t i = 0; i < 5; ++i) {
        counters.push_back(::eventfd(0, 0));
        add(epoll, counters.back(), EPOLLIN, i);
    }
    for (int i : {3, 0, 4, 1}) put(counters[static_cast<size_t>(i)]);
    for (int i = 0; i < 6; ++i) show_ready("turn", epoll, 1);
    put(counters[2]);
    for (int i = 0; i < 3; ++i) show_ready("turns", epoll, 2);
    for (int c : counters) ::close(c);
    ::close(epoll);
}

void hang_up() {
    const int epoll = ::epoll_create1(0);
    int ends[2];
    ::pipe(ends);
    add(epoll, ends[0], EPOLLIN | EPOLLRDHUP, 1);
    add(epoll, ends[1], 0, 2);
    ::write(ends[1], "abc", 3);
    show_ready("data", epoll);
    ::close(ends[1]);
    show_ready("writer gone", epoll);
    char text[3];
    ::read(ends[0], text, 3);
    show_ready("nothing left", epoll);
    ::close(ends[0]);
    ::pipe(ends);
    add(epoll, ends[1], EPOLLET, 3);
    ::close(ends[0]);
    show_ready("reader gone", epoll);
    show_ready("edge", epoll);
    ::close(ends[1]);
    ::close(epoll);
}

// The set holds the description and the number: a duplicate keeps the first alive, the last close removes.
void closing() {
    const int epoll = ::epoll_create1(0);
    const int counter = ::eventfd(1, 0);
    const int twin = ::dup(counter);
    show("add", add(epoll, counter, EPOLLIN, 1));
    show("add twin", add(epoll, twin, EPOLLIN, 2));
    show_ready("both", epoll);
    ::close(counter);
    show_ready("still both", epoll);
    show("remove closed", ::epoll_ctl(epoll, EPOLL_CTL_DEL, counter, nullptr));
    ::close(twin);
    show_ready("none", epoll);
    const int again = ::eventfd(1, 0);
    show("add again", add(epoll, again, EPOLLIN, 3));
    show_ready("again", epoll);
    // The instance ends before its file.
    ::close(epoll);
    put(again);
    ::close(again);
}

void nested() {
    const int inner = ::epoll_create1(0), outer = ::epoll_create1(0), outermost = ::epoll_create1(0);
    const int counter = ::eventfd(0, 0);
    add(inner, counter, EPOLLIN, 1);
    show("outer", add(outer, inner, EPOLLIN, 2));
    show("outermost", add(outermost, outer, EPOLLIN | EPOLLET, 3));
    show_ready("quiet", outermost);
    put(counter);
    show_ready("outermost", outermost);
    show_ready("outermost, edge", outermost);
    show_ready("outer", outer);
    show_ready("inner", inner);
    pollfd p{outer, POLLIN | POLLOUT, 0};
    show("poll", ::poll(&p, 1, 0));
    std::printf("%#x\n", static_cast<unsigned>(p.revents));
    take(counter);
    show_ready("outer, taken", outer);
    show("poll", ::poll(&p, 1, 0));
    show("circle", add(inner, outermost, EPOLLIN));
    show("circle", add(inner, outer, EPOLLIN));
    show("itself", add(inner, inner, EPOLLIN));
    // A thread that waits at the outermost is woken by the innermost file.
    std::thread writer{[&] { put(counter); }};
    show_ready("through all", outermost, 10, -1);
    writer.join();
    ::close(inner);
    show_ready("without the inner one", outer);
    for (int d : {outer, outermost, counter}) ::close(d);
    std::vector<int> chain{::epoll_create1(0)};
    int failed = 0;
    for (int i = 0; i < 12; ++i) {
        chain.push_back(::epoll_create1(0));
        if (add(chain.back(), chain[chain.size() - 2], EPOLLIN) < 0) {
            failed = errno;
            break;
        }
    }
    std::printf("a deep chain ends: %s\n", std::strerror(failed));
    for (int d : chain) ::close(d);
}

void errors() {
    const int epoll = ::epoll_create1(0), other = ::epoll_create1(0), counter = ::eventfd(0, 0);
    epoll_event event{EPOLLIN, {}};
    show("create, bad flag", ::epoll_create1(1));
    show("create, size 0", ::syscall(SYS_epoll_create, 0));
    show("create, negative", ::syscall(SYS_epoll_create, -5));
    show("add", add(epoll, counter, EPOLLIN));
    show("twice", add(epoll, counter, EPOLLIN));
    show("no such operation", control(epoll, 9, counter, EPOLLIN));
    show("closed file", add(epoll, 700, EPOLLIN));
    show("closed epoll", add(700, counter, EPOLLIN));
    show("not an epoll", add(counter, counter, EPOLLIN));
    show("not an epoll", add(counter, epoll, EPOLLIN));
    show("no event", ::syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, other, nullptr));
    show("bad event", ::syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_MOD, counter, 8L));
    show("modify unknown", control(epoll, EPOLL_CTL_MOD, other, EPOLLIN));
    show("remove unknown", control(epoll, EPOLL_CTL_DEL, other, EPOLLIN));
    show("remove itself", control(epoll, EPOLL_CTL_DEL, epoll, EPOLLIN));
    const int null = ::open("/dev/null", O_RDWR), directory = ::open("/", O_RDONLY), path = ::open("/", O_PATH);
    show("null device", add(epoll, null, EPOLLIN));
    for (const char* name : {"/dev/zero", "/dev/full", "/dev/urandom"}) show(name, add(epoll, ::open(name, O_RDWR), EPOLLIN));
    show("directory", add(epoll, directory, EPOLLIN));
    show("path only", add(epoll, path, EPOLLIN));
    show("exclusive and one-shot", add(epoll, ::eventfd(0, 0), EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
    show("exclusive epoll", add(epoll, other, EPOLLIN | EPOLLEXCLUSIVE));
    show("modify to exclusive", control(epoll, EPOLL_CTL_MOD, counter, EPOLLIN | EPOLLEXCLUSIVE));
    show("remove", ::epoll_ctl(epoll, EPOLL_CTL_DEL, counter, nullptr));
    show("exclusive", add(epoll, counter, EPOLLIN | EPOLLEXCLUSIVE));
    show("modify exclusive", control(epoll, EPOLL_CTL_MOD, counter, EPOLLIN));
    show("wait for 0", ::epoll_wait(epoll, &event, 0, 0));
    show("wait for -1", ::syscall(SYS_epoll_wait, epoll, &event, -1, 0));
    show("wait for too many", ::syscall(SYS_epoll_wait, epoll, &event, 0x7fffffff, 0));
    show("wait, not an epoll", ::epoll_wait(counter, &event, 1, 0));
    show("wait, closed", ::epoll_wait(700, &event, 1, 0));
    put(counter);
    show("wait, bad array", ::syscall(SYS_epoll_wait, epoll, 8L, 1, 0));
    show("wait, kernel's array", ::syscall(SYS_epoll_wait, epoll, 0xffff800000000000L, 1, 0));
    show_ready("still there", epoll);
    char byte;
    show("read", ::read(epoll, &byte, 1));
    show("write", ::write(epoll, &byte, 1));
    show("seek", ::lseek(epoll, 0, SEEK_CUR));
    timespec wait{0, 1'000'000'000};
    show("pwait2, bad time", ::syscall(SYS_epoll_pwait2, epoll, &event, 1, &wait, nullptr, 8));
    wait = {0, 5'000'000};
    take(counter);
    show("pwait2", ::syscall(SYS_epoll_pwait2, epoll, &event, 1, &wait, nullptr, 8));
    sigset_t mask{};
    show("pwait, bad mask size", ::syscall(SYS_epoll_pwait, epoll, &event, 1, 0, &mask, 4));
    show("pwait", ::syscall(SYS_epoll_pwait, epoll, &event, 1, 0, &mask, 8));
    for (int d : {epoll, other, counter, null, directory, path}) ::close(d);
}

// The one device of its kind that can be waited for.
void random_numbers() {
    const int epoll = ::epoll_create1(0), file = ::open("/dev/random", O_RDONLY);
    show("random", add(epoll, file, EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM, 1));
    show_ready("level", epoll);
    show_ready("level", epoll);
    show("edge", control(epoll, EPOLL_CTL_MOD, file, EPOLLIN | EPOLLET, 2));
    show_ready("edge", epoll);
    show_ready("edge", epoll);
    ::close(file);
    show_ready("closed", epoll);
    ::close(epoll);
}

void timeouts() {
    const int epoll = ::epoll_create1(0);
    epoll_event event;
    auto start = Clock::now();
    show("timeout", ::epoll_wait(epoll, &event, 1, 25));
    show_waited("epoll_wait", start, 25);
    ::close(epoll);
}

// Each event is one unit of work, which exactly one of several threads takes.
void many_threads(const char* what, uint32_t mode, bool own_epolls) {
    constexpr int thread_count = 4, units = 3000;
    const int counter = ::eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE), stop = ::eventfd(0, 0);
    const int shared = ::epoll_create1(0);
    if (!own_epolls) {
        add(shared, counter, EPOLLIN | mode, 1);
        add(shared, stop, EPOLLIN, 2);
    }
    std::atomic<int> taken{0}, started{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < thread_count; ++i) {
        threads.emplace_back([&] {
            const int epoll = own_epolls ? ::epoll_create1(0) : shared;
            if (own_epolls) {
                add(epoll, counter, EPOLLIN | mode, 1);
                add(epoll, stop, EPOLLIN, 2);
            }
            ++started;
            for (;;) {
                epoll_event event;
                if (::epoll_wait(epoll, &event, 1, -1) != 1) break;
                if (event.data.u64 == 2) break;
                uint64_t value;
                while (::read(counter, &value, sizeof value) == sizeof value) ++taken;
                if ((mode & EPOLLONESHOT) != 0) control(epoll, EPOLL_CTL_MOD, counter, EPOLLIN | mode, 1);
            }
            if (own_epolls) ::close(epoll);
        });
    }
    while (started != thread_count) std::this_thread::yield();
    for (int i = 0; i < units; ++i) put(counter);
    while (taken != units) std::this_thread::yield();
    put(stop);
    for (std::thread& t : threads) t.join();
    std::printf("%s: %d\n", what, taken.load());
    for (int d : {counter, stop, shared}) ::close(d);
}

// Files come and go while another thread waits for them.
void churn() {
    const int epoll = ::epoll_create1(0), stop = ::eventfd(0, 0);
    add(epoll, stop, EPOLLIN, 1'000'000);
    std::atomic<bool> done{false};
    std::thread waiter{[&] {
        for (bool end = false; !end;) {
            epoll_event events[4];
            const int n = ::epoll_wait(epoll, events, 4, -1);
            for (int i = 0; i < n; ++i) end = end || events[i].data.u64 == 1'000'000;
        }
        done = true;
    }};
    for (uint64_t i = 0; i < 3000; ++i) {
        const int counter = ::eventfd(0, 0);
        add(epoll, counter, EPOLLIN | (i % 3 == 0 ? uint32_t{EPOLLET} : 0), i);
        put(counter);
        if (i % 2 == 0) control(epoll, EPOLL_CTL_DEL, counter, 0);
        ::close(counter);
    }
    put(stop);
    waiter.join();
    std::printf("files came and went: %d\n", done.load());
    ::close(epoll);
    ::close(stop);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    level_edge_one_shot();
    turns();
    hang_up();
    closing();
    nested();
    errors();
    random_numbers();
    timeouts();
    many_threads("level", 0, false);
    many_threads("edge", EPOLLET, false);
    many_threads("one-shot", EPOLLONESHOT, false);
    many_threads("exclusive", EPOLLEXCLUSIVE, true);
    many_threads("not exclusive", 0, true);
    churn();
}
