// Threads that meet at FIFOs and around splice: who waits, who is woken, what signals do.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "waiting.hpp"

namespace {

using namespace file_ops;

void openers_meet() {
    int reader = -1;
    std::atomic<pid_t> id{0};
    std::thread other{[&] {
        id = ::gettid();
        reader = ::open("fifo", O_RDONLY);
    }};
    CHECK(sleeps(id));
    const int writer = ::open("fifo", O_WRONLY);
    other.join();
    CHECK(writer >= 0 && reader >= 0);
    CHECK(::write(writer, "met", 3) == 3);
    char text[8] = {};
    CHECK(::read(reader, text, sizeof text) == 3 && std::strcmp(text, "met") == 0);
    // A reader that waits for data sees the last writer go.
    id = 0;
    ssize_t result = -1;
    std::thread waiting{[&] {
        id = ::gettid();
        result = ::read(reader, text, sizeof text);
    }};
    CHECK(sleeps(id));
    ::close(writer);
    waiting.join();
    CHECK(result == 0);
    // A writer that waits for a reader.
    ::close(reader);
    id = 0;
    int late = -1;
    std::thread writing{[&] {
        id = ::gettid();
        late = ::open("fifo", O_WRONLY);
    }};
    CHECK(sleeps(id));
    reader = ::open("fifo", O_RDONLY | O_NONBLOCK);
    writing.join();
    CHECK(late >= 0);
    ::close(late);
    ::close(reader);
}

void nothing(int) {}

// A signal ends the waiting of an open, unless the handler asks for its restart.
void interrupted_open() {
    struct sigaction action {};
    action.sa_handler = nothing;
    ::sigaction(SIGUSR1, &action, nullptr);
    std::atomic<pid_t> id{0};
    int result = 0;
    int error = 0;
    std::atomic<bool> done{false};
    std::thread other{[&] {
        id = ::gettid();
        result = ::open("fifo", O_RDONLY);
        error = errno;
        done = true;
    }};
    CHECK(sleeps(id));
    interrupt(other.native_handle(), SIGUSR1, done);
    other.join();
    CHECK(result == -1 && error == EINTR);
    // Nobody reads any more.
    CHECK(::open("fifo", O_WRONLY | O_NONBLOCK) == -1 && errno == ENXIO);
}

void splice_waits() {
    int ends[2];
    int outer[2];
    CHECK(::pipe(ends) == 0 && ::pipe(outer) == 0);
    std::atomic<pid_t> id{0};
    ssize_t moved = -1;
    std::thread mover{[&] {
        id = ::gettid();
        moved = ::splice(ends[0], nullptr, outer[1], nullptr, 100, 0);
    }};
    CHECK(sleeps(id));
    CHECK(::write(ends[1], "moved", 5) == 5);
    mover.join();
    CHECK(moved == 5);
    char text[8] = {};
    CHECK(::read(outer[0], text, sizeof text) == 5 && std::strcmp(text, "moved") == 0);
    ::close(ends[1]);
    CHECK(::splice(ends[0], nullptr, outer[1], nullptr, 100, 0) == 0);
    ::signal(SIGPIPE, SIG_IGN);
    ::close(outer[0]);
    const int zero = ::open("/dev/zero", O_RDONLY);
    CHECK(::splice(zero, nullptr, outer[1], nullptr, 100, 0) == -1 && errno == EPIPE);
    ::close(zero);
    ::close(ends[0]);
    ::close(outer[1]);
}

// Much data through a pipe by two threads, to a file and back: nothing is lost or doubled.
void splice_carries() {
    constexpr size_t total = 3 << 20;
    int ends[2];
    CHECK(::pipe(ends) == 0);
    const int source = ::open("source", O_RDWR | O_CREAT | O_TRUNC, 0600);
    const int target = ::open("target", O_RDWR | O_CREAT | O_TRUNC, 0600);
    static unsigned char block[65536];
    for (size_t at = 0; at < total; at += sizeof block) {
        for (size_t i = 0; i < sizeof block; ++i) block[i] = static_cast<unsigned char>((at + i) * 2654435761u >> 13);
        CHECK(::write(source, block, sizeof block) == sizeof block);
    }
    std::thread feeder{[&] {
        loff_t offset = 0;
        while (offset < static_cast<loff_t>(total))
            if (::splice(source, &offset, ends[1], nullptr, total, 0) <= 0) break;
        ::close(ends[1]);
    }};
    size_t arrived = 0;
    for (ssize_t n; (n = ::splice(ends[0], nullptr, target, nullptr, total, 0)) > 0;) arrived += static_cast<size_t>(n);
    feeder.join();
    CHECK(arrived == total);
    static unsigned char copy[65536];
    bool same = true;
    for (size_t at = 0; at < total; at += sizeof copy) {
        same = same && ::pread(target, copy, sizeof copy, static_cast<off_t>(at)) == sizeof copy;
        same = same && ::pread(source, block, sizeof block, static_cast<off_t>(at)) == sizeof block;
        same = same && std::memcmp(block, copy, sizeof copy) == 0;
    }
    CHECK(same);
    ::close(ends[0]);
    ::close(source);
    ::close(target);
    ::unlink("source");
    ::unlink("target");
}

}  // namespace

int main() {
    char directory[] = "/tmp/fifo_ops-XXXXXX";
    if (!::mkdtemp(directory) || ::chdir(directory) != 0 || ::mkfifo("fifo", 0600) != 0) {
        std::perror(directory);
        return 2;
    }
    openers_meet();
    interrupted_open();
    splice_waits();
    splice_carries();
    ::unlink("fifo");
    ::rmdir(directory);
    return end_of_checks();
}
