#pragma once
// For tests whose threads wait for each other in the kernel.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace file_ops {

inline std::atomic<int> failures{0};

inline void check_that(bool good, const char* what, int line) {
    if (good) return;
    std::printf("failed at line %d: %s (errno %d)\n", line, what, errno);
    ++failures;
}
#define CHECK(x) ::file_ops::check_that((x), #x, __LINE__)

// Prints how many failed; the exit status.
inline int end_of_checks() {
    std::printf("%d failures\n", failures.load());
    return failures != 0;
}

// Waits until the thread, once it has told its id, sleeps in the kernel; polled, since nothing else tells. Where the kernel
// does not show that either, the thread gets a chance to: what is checked must hold for one that comes later, too.
inline bool sleeps(const std::atomic<pid_t>& thread) {
    char path[64];
    for (int i = 0; i < 20000; ++i) {
        const pid_t id = thread.load();
        if (id != 0) {
            std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
            const int fd = ::open(path, O_RDONLY);
            if (fd < 0) {
                for (int chance = 0; chance < 100; ++chance) ::sched_yield();
                return true;
            }
            char text[256] = {};
            const ssize_t size = ::read(fd, text, sizeof text - 1);
            ::close(fd);
            const char* const state = size > 0 ? std::strrchr(text, ')') : nullptr;
            if (state && state[2] == 'S') return true;
        }
        ::usleep(100);
    }
    return false;
}

// Interrupts a call that waits, as often as it takes: the first signal may come before the thread waits.
inline void interrupt(pthread_t thread, int signal, const std::atomic<bool>& done) {
    while (!done) {
        pthread_kill(thread, signal);
        ::usleep(1000);
    }
}

}  // namespace file_ops
