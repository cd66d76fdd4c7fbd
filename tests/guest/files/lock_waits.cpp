// Threads that wait for locks on files and for events of inotify: who gets what when, what closing and signals do.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "waiting.hpp"

namespace {

using namespace file_ops;

int set_lock(int fd, int command, short type, off_t start, off_t length) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = start;
    lock.l_len = length;
    return ::fcntl(fd, command, &lock);
}

int open_file() { return ::open("f", O_RDWR | O_CREAT, 0600); }

// A thread that makes one call, which is to wait.
class Waiter {
public:
    template <typename Call>
    explicit Waiter(Call call)
        : thread_{[this, call] {
              id_ = ::gettid();
              result_ = call();
              error_ = errno;
              done_ = true;
          }} {
        CHECK(sleeps(id_));
    }
    // The result, or the negative errno.
    long join() {
        thread_.join();
        return result_ < 0 ? -error_ : result_;
    }
    void signal(int number) { pthread_kill(thread_.native_handle(), number); }
    void interrupt(int number) { file_ops::interrupt(thread_.native_handle(), number, done_); }

private:
    std::atomic<pid_t> id_{0};
    std::atomic<bool> done_{false};
    long result_ = 0;
    int error_ = 0;
    std::thread thread_;
};

void whole_files() {
    const int a = open_file(), b = open_file(), c = open_file();
    CHECK(::flock(a, LOCK_EX) == 0);
    Waiter shared{[b] { return ::flock(b, LOCK_SH); }};
    Waiter too{[c] { return ::flock(c, LOCK_SH); }};
    CHECK(::flock(a, LOCK_UN) == 0);
    CHECK(shared.join() == 0 && too.join() == 0);
    // Closing the description gives the lock away.
    Waiter exclusive{[a] { return ::flock(a, LOCK_EX); }};
    ::close(b);
    CHECK(::flock(c, LOCK_EX | LOCK_NB) == 0 || errno == EAGAIN);
    ::close(c);
    CHECK(exclusive.join() == 0);
    ::close(a);
}

void ranges() {
    const int a = open_file(), b = open_file();
    CHECK(set_lock(a, F_OFD_SETLK, F_WRLCK, 0, 100) == 0);
    Waiter waiter{[b] { return set_lock(b, F_OFD_SETLKW, F_WRLCK, 50, 100); }};
    // What is given up elsewhere does not help.
    CHECK(set_lock(a, F_OFD_SETLK, F_UNLCK, 0, 50) == 0);
    CHECK(set_lock(a, F_OFD_SETLK, F_RDLCK, 50, 50) == 0);
    CHECK(set_lock(a, F_OFD_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK(waiter.join() == 0);
    CHECK(set_lock(a, F_OFD_SETLK, F_RDLCK, 149, 1) == -1 && errno == EAGAIN);
    // The process waits for a description's lock.
    Waiter process{[a] { return set_lock(a, F_SETLKW, F_RDLCK, 60, 1); }};
    ::close(b);
    CHECK(process.join() == 0);
    const int c = open_file();
    CHECK(set_lock(c, F_OFD_SETLK, F_WRLCK, 60, 1) == -1 && errno == EAGAIN);
    ::close(a);
    CHECK(set_lock(c, F_OFD_SETLK, F_WRLCK, 60, 1) == 0);
    ::close(c);
}

// Closed while it waits: the process does not get the lock.
void closed_meanwhile() {
    const int a = open_file(), b = open_file();
    CHECK(set_lock(a, F_OFD_SETLK, F_WRLCK, 0, 0) == 0);
    Waiter waiter{[b] { return set_lock(b, F_SETLKW, F_WRLCK, 0, 0); }};
    ::close(b);
    CHECK(set_lock(a, F_OFD_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK(waiter.join() == -EBADF);
    CHECK(set_lock(a, F_OFD_SETLK, F_WRLCK, 0, 0) == 0);
    ::close(a);
}

void nothing(int) {}

void signals() {
    struct sigaction action {};
    action.sa_handler = nothing;
    ::sigaction(SIGUSR1, &action, nullptr);
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGUSR2, &action, nullptr);
    const int a = open_file(), b = open_file();
    CHECK(::flock(a, LOCK_EX) == 0 && set_lock(a, F_OFD_SETLK, F_WRLCK, 0, 0) == 0);
    Waiter whole{[b] { return ::flock(b, LOCK_EX); }};
    Waiter range{[b] { return set_lock(b, F_OFD_SETLKW, F_RDLCK, 0, 1); }};
    Waiter patient{[b] { return set_lock(b, F_OFD_SETLKW, F_RDLCK, 7, 1); }};
    whole.interrupt(SIGUSR1);
    range.interrupt(SIGUSR1);
    patient.signal(SIGUSR2);
    CHECK(whole.join() == -EINTR);
    CHECK(range.join() == -EINTR);
    ::close(a);
    CHECK(patient.join() == 0);
    ::close(b);
}

// Many threads that exclude each other, by both kinds of locks.
void exclusion() {
    constexpr int threads = 4, rounds = 200;
    static std::array<int, 2> counter;
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
        running.emplace_back([t] {
            const int fd = open_file();
            for (int i = 0; i < rounds; ++i) {
                const bool ranged = ((t + i) & 1) != 0;
                CHECK((ranged ? set_lock(fd, F_OFD_SETLKW, F_WRLCK, 5, 5) : ::flock(fd, LOCK_EX)) == 0);
                volatile int& shared = counter[ranged];
                const int before = shared;
                if (i % 8 == 0) ::sched_yield();
                shared = before + 1;
                CHECK((ranged ? set_lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0) : ::flock(fd, LOCK_UN)) == 0);
            }
            ::close(fd);
        });
    }
    for (std::thread& thread : running) thread.join();
    CHECK(counter[0] + counter[1] == threads * rounds);
}

void events() {
    const int instance = ::inotify_init1(IN_CLOEXEC);
    alignas(8) char buffer[1024];
    CHECK(::inotify_add_watch(instance, ".", IN_CREATE | IN_DELETE) == 1);
    Waiter reader{[&] { return ::read(instance, buffer, sizeof buffer); }};
    ::close(::open("new", O_WRONLY | O_CREAT, 0600));
    CHECK(reader.join() == sizeof(inotify_event) + 16);
    Waiter poller{[&] {
        pollfd file{instance, POLLIN, 0};
        return static_cast<long>(::poll(&file, 1, -1) == 1 ? file.revents : -1);
    }};
    ::unlink("new");
    CHECK(poller.join() == POLLIN);
    CHECK(::read(instance, buffer, sizeof buffer) == sizeof(inotify_event) + 16);
    const int epoll = ::epoll_create1(0);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = 7}};
    CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, instance, &event) == 0);
    Waiter observer{[&] {
        epoll_event found{};
        return ::epoll_wait(epoll, &found, 1, -1) == 1 ? static_cast<long>(found.data.u64) : -1;
    }};
    ::close(::open("new", O_WRONLY | O_CREAT, 0600));
    CHECK(observer.join() == 7);
    Waiter interrupted{[&] {
        while (::read(instance, buffer, sizeof buffer) > 0) continue;
        return -1;
    }};
    interrupted.interrupt(SIGUSR1);
    CHECK(interrupted.join() == -EINTR);
    ::unlink("new");
    ::close(epoll);
    ::close(instance);
}

// Instances come and go, and watches too, while others make events for them: no event is lost to who stays.
void busy_directory() {
    constexpr int makers = 3, rounds = 150;
    const int steady = ::inotify_init1(IN_NONBLOCK);
    CHECK(::inotify_add_watch(steady, ".", IN_CREATE | IN_DELETE) == 1);
    std::atomic<int> left{makers};
    std::vector<std::thread> running;
    for (int t = 0; t < makers; ++t) {
        running.emplace_back([t, &left] {
            char name[16];
            std::snprintf(name, sizeof name, "file%d", t);
            for (int i = 0; i < rounds; ++i) {
                ::close(::open(name, O_WRONLY | O_CREAT, 0600));
                CHECK(::unlink(name) == 0);
            }
            --left;
        });
    }
    running.emplace_back([&left] {
        while (left != 0) {
            const int instance = ::inotify_init1(IN_NONBLOCK);
            const int first = ::inotify_add_watch(instance, ".", IN_ALL_EVENTS);
            (void)::inotify_add_watch(instance, "file0", IN_ALL_EVENTS);
            if (first % 2 == 1) CHECK(::inotify_rm_watch(instance, first) == 0);
            ::close(instance);
        }
    });
    for (std::thread& thread : running) thread.join();
    int created = 0, deleted = 0;
    alignas(8) char buffer[4096];
    for (ssize_t size; (size = ::read(steady, buffer, sizeof buffer)) > 0;) {
        for (ssize_t at = 0; at < size;) {
            inotify_event event;
            std::memcpy(&event, buffer + at, sizeof event);
            created += (event.mask & IN_CREATE) != 0;
            deleted += (event.mask & IN_DELETE) != 0;
            at += static_cast<ssize_t>(sizeof event + event.len);
        }
    }
    CHECK(created == makers * rounds && deleted == makers * rounds);
    ::close(steady);
}

}  // namespace

int main() {
    char directory[] = "/tmp/lock_waits-XXXXXX";
    if (!::mkdtemp(directory) || ::chdir(directory) != 0) {
        std::perror(directory);
        return 2;
    }
    whole_files();
    ranges();
    closed_meanwhile();
    signals();
    exclusion();
    ::unlink("f");
    events();
    busy_directory();
    ::rmdir(directory);
    return end_of_checks();
}
