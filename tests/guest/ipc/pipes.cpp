// Pipes and event counters: every result must be Linux's.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

namespace {

char buffer[10000];

void show(const char* what, long result) { std::printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? std::strerror(errno) : ""); }

// More than fits, between two threads, in pieces of odd sizes.
void stream_through(const int (&ends)[2]) {
    std::string received;
    std::thread reader{[&] {
        char piece[7001];
        for (ssize_t n; (n = ::read(ends[0], piece, sizeof piece)) > 0;) received.append(piece, static_cast<size_t>(n));
    }};
    std::string sent;
    for (int i = 0; i < 300'000; ++i) sent += static_cast<char>('a' + i % 23);
    for (size_t done = 0; done < sent.size();) {
        const ssize_t n = ::write(ends[1], sent.data() + done, sent.size() - done);
        if (n <= 0) break;
        done += static_cast<size_t>(n);
    }
    ::close(ends[1]);
    reader.join();
    ::close(ends[0]);
    std::printf("arrived whole: %d\n", received == sent);
}

void nonblocking_pipe() {
    int ends[2];
    show("pipe2", ::pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    show("read of an empty pipe", ::read(ends[0], buffer, 1));
    long total = 0;
    for (ssize_t n; (n = ::write(ends[1], buffer, 4096)) > 0;) total += n;
    std::printf("full at %ld: %s\n", total, std::strerror(errno));
    struct stat status;
    ::fstat(ends[0], &status);
    std::printf("is a fifo: %d, mode %o\n", S_ISFIFO(status.st_mode), status.st_mode & 0777);
    pollfd both[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
    show("poll", ::poll(both, 2, 0));
    std::printf("readable %x, writable %x\n", both[0].revents, both[1].revents);
    ::close(ends[0]);
    show("write without a reader", ::write(ends[1], buffer, 1));
    show("lseek", ::lseek(ends[1], 0, SEEK_CUR));
    show("poll without a reader", ::poll(both + 1, 1, 0));
    std::printf("%x\n", both[1].revents);
    show("read of the write end", ::read(ends[1], buffer, 1));
    ::close(ends[1]);
}

void event_counters() {
    const int counter = ::eventfd(3, 0);
    uint64_t value = 0;
    show("eventfd, read", ::read(counter, &value, sizeof value));
    std::printf("value %lu\n", static_cast<unsigned long>(value));
    std::thread waiter{[&] {
        uint64_t seen = 0;
        if (::read(counter, &seen, sizeof seen) == sizeof seen) std::printf("woken with %lu\n", static_cast<unsigned long>(seen));
    }};
    value = 42;
    const long written = ::write(counter, &value, sizeof value);
    waiter.join();
    show("eventfd, write", written);
    const int semaphore = ::eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    for (int i = 0; i < 3; ++i) show("semaphore", ::read(semaphore, &value, sizeof value));
    value = UINT64_MAX;
    show("too large", ::write(semaphore, &value, sizeof value));
    show("too short", ::read(semaphore, &value, 4));
    show("bad flags", ::eventfd(0, 1 << 20));
}

}  // namespace

int main() {
    // Lines of two threads must come out in their order.
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    show("pipe", ::pipe(ends));
    show("write", ::write(ends[1], "hello", 5));
    show("read", ::read(ends[0], buffer, 100));
    stream_through(ends);
    nonblocking_pipe();
    show("bad flags", ::pipe2(ends, 1 << 20));
    show("bad pointer", ::pipe(reinterpret_cast<int*>(8)));
    event_counters();
}
