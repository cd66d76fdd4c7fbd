// signalfd(2): every line of the output is the same on Linux.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

template <typename... Signals>
sigset_t set_of(Signals... signals) {
    sigset_t set;
    sigemptyset(&set);
    (sigaddset(&set, signals), ...);
    return set;
}

void block(const sigset_t& set) { pthread_sigmask(SIG_BLOCK, &set, nullptr); }

void show(const char* what, long result) {
    const int error = errno;
    if (result < 0) std::printf("%s: %s\n", what, std::strerror(error));
    else std::printf("%s: %ld\n", what, result);
}

// All but what differs from run to run.
void show_record(const char* what, const signalfd_siginfo& r) {
    std::printf("%s: signal %u errno %d code %d from self %d user %u int %d ptr %#llx\n", what, r.ssi_signo, r.ssi_errno, r.ssi_code,
                r.ssi_pid == static_cast<uint32_t>(getpid()), r.ssi_uid, r.ssi_int, static_cast<unsigned long long>(r.ssi_ptr));
}

void show_next(const char* what, int file) {
    signalfd_siginfo record{};
    const ssize_t got = read(file, &record, sizeof record);
    if (got == sizeof record) show_record(what, record);
    else show(what, got);
}

short events(int file) {
    pollfd p{file, POLLIN | POLLOUT | POLLPRI, 0};
    poll(&p, 1, 0);
    return p.revents;
}

void records() {
    const sigset_t set = set_of(SIGUSR1, SIGUSR2, SIGRTMIN);
    block(set);
    const int file = signalfd(-1, &set, SFD_NONBLOCK);
    show_next("nothing", file);
    std::printf("events %#x\n", static_cast<unsigned>(events(file)));
    raise(SIGUSR2);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    std::printf("events %#x\n", static_cast<unsigned>(events(file)));
    show_next("lowest", file);
    show_next("by thread", file);
    show_next("not queued twice", file);
    for (int i = 0; i < 3; ++i) sigqueue(getpid(), SIGRTMIN, sigval{100 + i});
    sigqueue(getpid(), SIGUSR1, sigval{7});
    signalfd_siginfo several[8];
    const ssize_t got = read(file, several, sizeof several - 1);
    std::printf("several: %zd\n", got / static_cast<ssize_t>(sizeof several[0]));
    for (ssize_t i = 0; i < got / static_cast<ssize_t>(sizeof several[0]); ++i) show_record("of several", several[i]);
    show("short", read(file, several, sizeof several[0] - 1));
    show("write", write(file, several, sizeof several[0]));
    show("seek", lseek(file, 0, SEEK_SET));
    raise(SIGUSR1);
    show("nowhere", syscall(SYS_read, file, 8, sizeof several[0]));
    show_next("lost", file);
    // What another file of the same kind takes is gone here.
    const int second = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    raise(SIGUSR1);
    show_next("second file", second);
    show_next("first file", file);
    std::printf("close on exec: %d %d\n", fcntl(file, F_GETFD), fcntl(second, F_GETFD));
    // Those that are waited for elsewhere.
    raise(SIGUSR1);
    const timespec now{};
    show("taken by sigtimedwait", sigtimedwait(&set, nullptr, &now));
    show_next("after that", file);
    close(second);
    close(file);
}

void told_by_timers() {
    const sigset_t set = set_of(SIGRTMIN + 1, SIGALRM);
    block(set);
    const int file = signalfd(-1, &set, 0);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMIN + 1;
    event.sigev_value.sival_int = 5;
    timer_t timer;
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    const itimerspec soon{{}, {0, 1'000'000}};
    timer_settime(timer, 0, &soon, nullptr);
    signalfd_siginfo record{};
    show("timer", read(file, &record, sizeof record));
    std::printf("timer: signal %u code %d overrun %u int %d\n", record.ssi_signo - SIGRTMIN, record.ssi_code, record.ssi_overrun, record.ssi_int);
    timer_delete(timer);
    ualarm(1000, 0);
    show("alarm", read(file, &record, sizeof record));
    std::printf("alarm: signal %u code %d\n", record.ssi_signo, record.ssi_code);
    close(file);
}

void changed_set() {
    const sigset_t one = set_of(SIGUSR1), other = set_of(SIGUSR2, SIGKILL, SIGSTOP), both = set_of(SIGUSR1, SIGUSR2);
    block(both);
    const int file = signalfd(-1, &one, SFD_NONBLOCK);
    raise(SIGUSR2);
    show_next("not in the set", file);
    std::printf("same descriptor: %d\n", signalfd(file, &other, SFD_CLOEXEC) == file);
    std::printf("flags unchanged: %d, %d\n", fcntl(file, F_GETFD), (fcntl(file, F_GETFL) & O_NONBLOCK) != 0);
    show_next("in the set", file);
    // A reader that waits looks again.
    fcntl(file, F_SETFL, 0);
    kill(getpid(), SIGUSR1);
    std::thread reader{[&] { show_next("waited through the change", file); }};
    usleep(5000);
    signalfd(file, &one, 0);
    reader.join();
    close(file);
}

void errors() {
    const sigset_t set = set_of(SIGUSR1);
    show("unknown flag", signalfd(-1, &set, 1));
    show("wrong size", syscall(SYS_signalfd4, -1, &set, 4, 0));
    show("wrong size, old call", syscall(SYS_signalfd, -1, &set, 16));
    show("bad address", syscall(SYS_signalfd4, -1, 8, 8, 0));
    show("bad descriptor", signalfd(-2, &set, 0));
    show("closed descriptor", signalfd(77, &set, 0));
    show("other file", signalfd(1, &set, 0));
    const int file = static_cast<int>(syscall(SYS_signalfd, -1, &set, 8));
    char name[64]{};
    const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), name, sizeof name - 1);
    std::printf("old call: %zd %s\n", length, name);
    close(file);
}

// Readiness is that of the thread which asks.
void readiness_of_threads() {
    const sigset_t set = set_of(SIGUSR1);
    block(set);
    const int file = signalfd(-1, &set, SFD_NONBLOCK), epoll = epoll_create1(0);
    epoll_event wanted{EPOLLIN, {.u64 = 3}}, found{};
    show("add", epoll_ctl(epoll, EPOLL_CTL_ADD, file, &wanted));
    raise(SIGUSR1);
    std::printf("own: %d %#x\n", epoll_wait(epoll, &found, 1, 0), static_cast<unsigned>(events(file)));
    std::thread{[&] {
        std::printf("another's: %#x\n", static_cast<unsigned>(events(file)));
        show_next("another's", file);
    }}.join();
    show_next("own", file);
    kill(getpid(), SIGUSR1);
    std::thread{[&] {
        std::printf("the process's: %#x\n", static_cast<unsigned>(events(file)));
        show_next("the process's", file);
    }}.join();
    close(epoll);
    close(file);
}

// Threads that wait, each in its own way, hear of a signal.
void woken(const char* what, int flags, bool edge, long (*wait)(int file, int epoll)) {
    const sigset_t set = set_of(SIGUSR1);
    const int file = signalfd(-1, &set, flags), epoll = epoll_create1(0);
    epoll_event wanted{edge ? EPOLLIN | EPOLLET : uint32_t{EPOLLIN}, {.u64 = 4}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, file, &wanted);
    for (const bool to_thread : {false, true}) {
        std::atomic<bool> started{false};
        std::thread waiter{[&] {
            started = true;
            show(what, wait(file, epoll));
            show_next(what, file);
        }};
        while (!started) std::this_thread::yield();
        usleep(2000);
        if (to_thread) pthread_kill(waiter.native_handle(), SIGUSR1);
        else kill(getpid(), SIGUSR1);
        waiter.join();
    }
    close(epoll);
    close(file);
}

void waiting() {
    woken("read", 0, false, [](int, int) { return 0L; });
    woken("poll", SFD_NONBLOCK, false, [](int file, int) {
        pollfd p{file, POLLIN, 0};
        return static_cast<long>(poll(&p, 1, 20'000)) * 100 + p.revents;
    });
    woken("select", SFD_NONBLOCK, false, [](int file, int) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(file, &set);
        return static_cast<long>(select(file + 1, &set, nullptr, nullptr, nullptr));
    });
    for (const bool edge : {false, true}) {
        woken("epoll", SFD_NONBLOCK, edge, [](int, int epoll) {
            epoll_event found{};
            return static_cast<long>(epoll_wait(epoll, &found, 1, 20'000)) * 100 + static_cast<long>(found.data.u64);
        });
    }
}

// A signal outside the set interrupts the read, which begins again if that is asked for.
void interrupted(bool restart) {
    struct sigaction action{};
    static std::atomic<int> calls;
    calls = 0;
    action.sa_handler = [](int) { ++calls; };
    action.sa_flags = restart ? SA_RESTART : 0;
    sigaction(SIGHUP, &action, nullptr);
    const sigset_t set = set_of(SIGUSR1);
    const int file = signalfd(-1, &set, 0);
    std::atomic<bool> done{false};
    std::thread reader{[&] {
        show_next("interrupted", file);
        done = true;
    }};
    while (!done) {
        pthread_kill(reader.native_handle(), SIGHUP);
        usleep(1000);
        if (restart && calls > 3) kill(getpid(), SIGUSR1);
    }
    reader.join();
    const timespec now{};
    while (sigtimedwait(&set, nullptr, &now) > 0) {
    }
    close(file);
}

// Nothing that is sent gets lost between several readers.
void many() {
    constexpr int count = 2000;
    const sigset_t set = set_of(SIGRTMIN + 2);
    block(set);
    const int file = signalfd(-1, &set, 0);
    std::atomic<long> sum{0}, read_count{0};
    const auto take = [&] {
        while (true) {
            signalfd_siginfo records[4];
            const ssize_t got = read(file, records, sizeof records);
            for (ssize_t i = 0; i < got / static_cast<ssize_t>(sizeof records[0]); ++i) {
                if (records[i].ssi_int < 0) return;
                sum += records[i].ssi_int;
                ++read_count;
            }
        }
    };
    std::thread first{take}, second{take};
    for (int i = 0; i < count; ++i)
        while (sigqueue(getpid(), SIGRTMIN + 2, sigval{i}) != 0) std::this_thread::yield();
    while (read_count != count) std::this_thread::yield();
    // One end each: who has read one reads no more.
    sigval end{};
    end.sival_int = -1;
    pthread_sigqueue(first.native_handle(), SIGRTMIN + 2, end);
    pthread_sigqueue(second.native_handle(), SIGRTMIN + 2, end);
    first.join();
    second.join();
    std::printf("sum %ld\n", sum.load());
    close(file);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    records();
    told_by_timers();
    changed_set();
    errors();
    readiness_of_threads();
    waiting();
    interrupted(false);
    interrupted(true);
    many();
}
