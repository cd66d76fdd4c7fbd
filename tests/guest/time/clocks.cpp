// The clock as a library call (vDSO) and as a system call show the same time.
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <initializer_list>

namespace {

long nanoseconds(const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; }

long by_system_call(clockid_t clock) {
    timespec t{};
    ::syscall(SYS_clock_gettime, clock, &t);
    return nanoseconds(t);
}

long by_library(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return nanoseconds(t);
}

}  // namespace

int main() {
    std::printf("there is a vDSO: %d\n", ::getauxval(AT_SYSINFO_EHDR) != 0);
    for (clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_PROCESS_CPUTIME_ID,
                            CLOCK_THREAD_CPUTIME_ID}) {
        bool in_order = true;
        for (int i = 0; i < 1000; ++i) {
            const long before = by_system_call(clock), between = by_library(clock), after = by_system_call(clock);
            in_order = in_order && before <= between && between <= after;
        }
        std::printf("clock %d in order: %d\n", clock, in_order);
    }
    timeval t{};
    ::gettimeofday(&t, nullptr);
    const long realtime = by_library(CLOCK_REALTIME);
    std::printf("gettimeofday agrees: %d\n", realtime / 1'000'000'000 - t.tv_sec <= 1);
    std::printf("time agrees: %d\n", realtime / 1'000'000'000 - ::time(nullptr) <= 1);
    timespec out{};
    std::printf("no such clock: %d\n", ::clock_gettime(99, &out));
    std::printf("resolution: %d, %ld ns\n", ::clock_getres(CLOCK_MONOTONIC, &out), out.tv_nsec);
}
