// timerfd, POSIX timers and interval timers, without signals.
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "show.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr long millisecond = 1'000'000;

itimerspec spec(long value_ns, long interval_ns = 0) {
    const auto time = [](long ns) { return timespec{ns / 1'000'000'000, ns % 1'000'000'000}; };
    return {time(interval_ns), time(value_ns)};
}

int set(int timer, long value_ns, long interval_ns = 0) {
    const itimerspec wanted = spec(value_ns, interval_ns);
    return ::timerfd_settime(timer, 0, &wanted, nullptr);
}

itimerspec absolute(clockid_t clock, long from_now_ns) {
    timespec now;
    ::clock_gettime(clock, &now);
    return spec(now.tv_sec * 1'000'000'000 + now.tv_nsec + from_now_ns);
}

long expirations(int timer) {
    uint64_t count = 0;
    return ::read(timer, &count, sizeof count) == sizeof count ? static_cast<long>(count) : -1;
}

void once() {
    for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME}) {
        const int timer = ::timerfd_create(clock, TFD_CLOEXEC);
        auto start = Clock::now();
        show("set", set(timer, 20 * millisecond));
        show("expirations", expirations(timer));
        show_waited("read", start, 20);
        start = Clock::now();
        const itimerspec when = absolute(clock, 15 * millisecond);
        show("set, absolute", ::timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr));
        show("expirations", expirations(timer));
        show_waited("absolute", start, 14);
        const itimerspec past = absolute(clock, -5 * millisecond);
        show("set, past", ::timerfd_settime(timer, TFD_TIMER_ABSTIME, &past, nullptr));
        show("expirations", expirations(timer));
        ::close(timer);
    }
}

void intervals() {
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    show("read, not armed", expirations(timer));
    set(timer, 10 * millisecond, 5 * millisecond);
    itimerspec now{};
    show("get", ::timerfd_gettime(timer, &now));
    std::printf("interval %ld, left %d\n", now.it_interval.tv_nsec, now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 10 * millisecond);
    pollfd p{timer, POLLIN | POLLOUT, 0};
    show("poll", ::poll(&p, 1, -1));
    std::printf("%#x\n", static_cast<unsigned>(p.revents));
    std::this_thread::sleep_for(std::chrono::milliseconds(23));
    const long count = expirations(timer);
    std::printf("several: %d\n", count >= 5);
    show("poll", ::poll(&p, 1, -1));
    show("once", expirations(timer) >= 1);
    // A setting tells the one before, and forgets what had expired.
    std::this_thread::sleep_for(std::chrono::milliseconds(6));
    const itimerspec off{};
    itimerspec before{};
    show("off", ::timerfd_settime(timer, 0, &off, &before));
    // What was left may be nothing, if the machine stood still until the next expiration.
    std::printf("before: interval %ld, left at most that: %d\n", before.it_interval.tv_nsec, before.it_value.tv_nsec <= before.it_interval.tv_nsec);
    show("read", expirations(timer));
    show("poll", ::poll(&p, 1, 12));
    show("get", ::timerfd_gettime(timer, &now));
    std::printf("%ld %ld %ld\n", now.it_interval.tv_nsec, now.it_value.tv_sec, now.it_value.tv_nsec);
    ::close(timer);
}

void observed() {
    const int epoll = ::epoll_create1(0), timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    set(timer, 5 * millisecond);
    show("epoll", ::epoll_wait(epoll, &event, 1, -1));
    show("edge", ::epoll_wait(epoll, &event, 1, 10));
    show("read", expirations(timer));
    set(timer, 5 * millisecond, 5 * millisecond);
    long sum = 0;
    for (int i = 0; i < 4; ++i) {
        ::epoll_wait(epoll, &event, 1, -1);
        sum += expirations(timer) >= 1;
    }
    show("expired each time", sum);
    ::close(timer);
    show("closed", ::epoll_wait(epoll, &event, 1, 10));
    ::close(epoll);
    // A thread that waits in read() hears of a timer that another sets.
    const int late = ::timerfd_create(CLOCK_MONOTONIC, 0);
    long got = 0;
    std::thread reader{[&] { got = expirations(late); }};
    set(late, millisecond);
    reader.join();
    show("other thread", got);
    ::close(late);
}

void file_errors() {
    const itimerspec good = spec(1), bad = spec(1'000'000'000, 0);
    itimerspec wrong = bad;
    wrong.it_value.tv_nsec = 1'000'000'000;
    show("create, no such clock", ::timerfd_create(77, 0));
    show("create, CPU clock", ::timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    show("create, bad flags", ::timerfd_create(CLOCK_MONOTONIC, 1));
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    show("set, bad flags", ::timerfd_settime(timer, 8, &good, nullptr));
    show("set, bad time", ::timerfd_settime(timer, 0, &wrong, nullptr));
    show("set, bad pointer", ::syscall(SYS_timerfd_settime, timer, 0, 8L, nullptr));
    show("set, no timer", ::timerfd_settime(1, 0, &good, nullptr));
    show("set, closed", ::timerfd_settime(700, 0, &good, nullptr));
    show("get, bad pointer", ::syscall(SYS_timerfd_gettime, timer, 8L));
    show("get, no timer", ::timerfd_gettime(1, &wrong));
    char bytes[8];
    show("read, too short", ::read(timer, bytes, 7));
    show("write", ::write(timer, bytes, 8));
    show("seek", ::lseek(timer, 0, SEEK_SET));
    ::close(timer);
}

// The kernel's calls: the C library keeps identifiers of its own.
long create(clockid_t clock, sigevent* event, int* id) { return ::syscall(SYS_timer_create, clock, event, id); }

void posix_timers() {
    sigevent none{};
    none.sigev_notify = SIGEV_NONE;
    int id = -1, second = -1;
    show("create", create(CLOCK_MONOTONIC, &none, &id));
    show("create", create(CLOCK_REALTIME, &none, &second));
    show("identifiers follow", second - id);
    itimerspec wanted = spec(30 * millisecond), now{};
    show("get, never set", ::syscall(SYS_timer_gettime, id, &now));
    std::printf("%ld %ld\n", now.it_value.tv_sec, now.it_value.tv_nsec);
    show("set", ::syscall(SYS_timer_settime, id, 0, &wanted, &now));
    show("get", ::syscall(SYS_timer_gettime, id, &now));
    std::printf("left: %d\n", now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 30 * millisecond);
    std::this_thread::sleep_for(std::chrono::milliseconds(35));
    show("get", ::syscall(SYS_timer_gettime, id, &now));
    std::printf("%ld %ld\n", now.it_value.tv_sec, now.it_value.tv_nsec);
    wanted = spec(5 * millisecond, 500 * millisecond);
    show("set, interval", ::syscall(SYS_timer_settime, id, 0, &wanted, nullptr));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    show("get", ::syscall(SYS_timer_gettime, id, &now));
    std::printf("interval %ld, left: %d\n", now.it_interval.tv_nsec, now.it_value.tv_nsec > 100 * millisecond);
    wanted = absolute(CLOCK_REALTIME, 1'000 * millisecond);
    show("set, absolute", ::syscall(SYS_timer_settime, second, TIMER_ABSTIME, &wanted, nullptr));
    show("get", ::syscall(SYS_timer_gettime, second, &now));
    std::printf("left: %d\n", now.it_value.tv_sec == 0 && now.it_value.tv_nsec > 0);
    show("overrun", ::syscall(SYS_timer_getoverrun, id));
    wanted = spec(0);
    show("off", ::syscall(SYS_timer_settime, id, 0, &wanted, &now));
    std::printf("was left: %d\n", now.it_value.tv_nsec > 0);
    show("delete", ::syscall(SYS_timer_delete, id));
    show("delete again", ::syscall(SYS_timer_delete, id));
    show("set deleted", ::syscall(SYS_timer_settime, id, 0, &wanted, nullptr));
    show("get deleted", ::syscall(SYS_timer_gettime, id, &now));
    show("overrun of deleted", ::syscall(SYS_timer_getoverrun, id));
    show("set, nothing", ::syscall(SYS_timer_settime, second, 0, nullptr, nullptr));
    show("set, bad pointer", ::syscall(SYS_timer_settime, second, 0, 8L, nullptr));
    wanted.it_value.tv_nsec = -1;
    show("set, bad time", ::syscall(SYS_timer_settime, second, 0, &wanted, nullptr));
    show("delete", ::syscall(SYS_timer_delete, second));
    show("create, no such clock", create(77, &none, &id));
    show("create, raw clock", create(CLOCK_MONOTONIC_RAW, &none, &id));
    show("create, bad event", ::syscall(SYS_timer_create, CLOCK_MONOTONIC, 8L, &id));
    show("create, bad identifier", ::syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, 8L));
    sigevent wrong{};
    wrong.sigev_notify = SIGEV_SIGNAL;
    wrong.sigev_signo = 65;
    show("create, no such signal", create(CLOCK_MONOTONIC, &wrong, &id));
    wrong.sigev_signo = 0;
    show("create, signal 0", create(CLOCK_MONOTONIC, &wrong, &id));
    wrong.sigev_notify = 77;
    show("create, no such notification", create(CLOCK_MONOTONIC, &wrong, &id));
    wrong.sigev_signo = SIGALRM;
    wrong.sigev_notify = SIGEV_THREAD_ID;
    wrong._sigev_un._tid = 99999999;
    show("create, no such thread", create(CLOCK_MONOTONIC, &wrong, &id));
}

void interval_timers() {
    for (int which : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
        itimerval now{}, wanted{{7, 0}, {100, 500'000}};
        show("get", ::syscall(SYS_getitimer, which, &now));
        std::printf("%ld %ld\n", now.it_value.tv_sec, now.it_value.tv_usec);
        show("set", ::syscall(SYS_setitimer, which, &wanted, nullptr));
        show("get", ::syscall(SYS_getitimer, which, &now));
        std::printf("interval %ld, left: %d\n", now.it_interval.tv_sec, now.it_value.tv_sec == 100 || now.it_value.tv_sec == 99);
        wanted = {};
        show("off", ::syscall(SYS_setitimer, which, &wanted, &now));
        std::printf("interval %ld\n", now.it_interval.tv_sec);
        show("get", ::syscall(SYS_getitimer, which, &now));
        std::printf("%ld %ld\n", now.it_value.tv_sec, now.it_value.tv_usec);
    }
    itimerval wrong{{0, 0}, {0, 1'000'000}};
    show("set, bad time", ::syscall(SYS_setitimer, ITIMER_REAL, &wrong, nullptr));
    show("set, bad pointer", ::syscall(SYS_setitimer, ITIMER_REAL, 8L, nullptr));
    show("set, no such timer", ::syscall(SYS_setitimer, 3, nullptr, nullptr));
    show("get, no such timer", ::syscall(SYS_getitimer, -1, &wrong));
    show("get, bad pointer", ::syscall(SYS_getitimer, ITIMER_REAL, 8L));
    show("alarm", ::alarm(60));
    const unsigned left = ::alarm(0);
    std::printf("left: %d\n", left == 60 || left == 59);
    show("alarm", ::alarm(0));
}

// Many timers at once expire in their order.
void many() {
    constexpr int count = 200;
    const int epoll = ::epoll_create1(0);
    int timers[count];
    for (int i = 0; i < count; ++i) {
        timers[i] = ::timerfd_create(CLOCK_MONOTONIC, 0);
        epoll_event event{};
        event.events = EPOLLIN | EPOLLONESHOT;
        event.data.u64 = static_cast<uint64_t>(i);
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, timers[i], &event);
    }
    const itimerspec start = absolute(CLOCK_MONOTONIC, 20 * millisecond);
    for (int i = 0; i < count; ++i) {
        itimerspec when = start;
        const long ns = when.it_value.tv_nsec + (i * 37 % count) * 50'000L;
        when.it_value.tv_sec += ns / 1'000'000'000;
        when.it_value.tv_nsec = ns % 1'000'000'000;
        ::timerfd_settime(timers[i], TFD_TIMER_ABSTIME, &when, nullptr);
    }
    int in_order = 0;
    for (int i = 0; i < count; ++i) {
        epoll_event event{};
        if (::epoll_wait(epoll, &event, 1, 10'000) != 1) break;
        in_order += static_cast<int>(event.data.u64) * 37 % count == i;
    }
    show("in their order", in_order);
    for (int t : timers) ::close(t);
    ::close(epoll);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    once();
    intervals();
    observed();
    file_errors();
    posix_timers();
    interval_timers();
    many();
}
