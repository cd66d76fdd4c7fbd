#include <sys/time.h>
#include <sys/times.h>

#include <algorithm>
#include <ctime>

#include "check.hpp"

namespace system_calls {

namespace {

struct Clock {
    const char* name;
    int id;
};
constexpr Clock clocks[] = {
    {"REALTIME", CLOCK_REALTIME},
    {"MONOTONIC", CLOCK_MONOTONIC},
    {"PROCESS_CPUTIME", CLOCK_PROCESS_CPUTIME_ID},
    {"THREAD_CPUTIME", CLOCK_THREAD_CPUTIME_ID},
    {"MONOTONIC_RAW", CLOCK_MONOTONIC_RAW},
    {"REALTIME_COARSE", CLOCK_REALTIME_COARSE},
    {"MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE},
    {"BOOTTIME", CLOCK_BOOTTIME},
    {"TAI", CLOCK_TAI},
};

int64_t now(int clock) {
    timespec t{};
    if (call(SYS_clock_gettime, clock, &t) != 0) return -1;
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

void check_clocks() {
    for (const Clock& clock : clocks) {
        timespec resolution{}, t{};
        std::printf("CLOCK_%s\n", clock.name);
        CHECK(call(SYS_clock_gettime, clock.id, &t));
        CHECK(t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000);
        CHECK(call(SYS_clock_getres, clock.id, &resolution));
        CHECK(resolution.tv_sec == 0 && resolution.tv_nsec > 0 && resolution.tv_nsec <= 10'000'000);
        CHECK(call(SYS_clock_getres, clock.id, nullptr));
        bool forward = true;
        for (int64_t i = 0, before = now(clock.id); i < 1000; ++i) {
            const int64_t after = now(clock.id);
            forward = forward && after >= before;
            before = after;
        }
        CHECK(forward);
    }
    CHECK(call(SYS_clock_gettime, 99, nullptr));
    CHECK(call(SYS_clock_getres, 99, nullptr));
    CHECK(call(SYS_clock_gettime, CLOCK_MONOTONIC, nowhere));
    CHECK(call(SYS_clock_settime, CLOCK_MONOTONIC, nowhere));
    const timespec bad{0, 1'000'000'000};
    CHECK(call(SYS_clock_settime, CLOCK_REALTIME, &bad));
}

void check_relations() {
    constexpr int64_t second = 1'000'000'000;
    CHECK(now(CLOCK_REALTIME) > 1'700'000'000 * second);
    CHECK(std::abs(call(SYS_time, nullptr) - now(CLOCK_REALTIME) / second) <= 1);
    long stored = 0;
    CHECK(call(SYS_time, &stored) == stored);
    timeval tv{};
    struct timezone zone {
        1, 1
    };
    CHECK(call(SYS_gettimeofday, &tv, &zone));
    CHECK(std::abs(tv.tv_sec - stored) <= 1 && tv.tv_usec < 1'000'000);
    CHECK(zone.tz_minuteswest);
    CHECK(call(SYS_gettimeofday, nowhere, nullptr));
    CHECK(call(SYS_time, nowhere));
    CHECK(std::time(nullptr) - stored <= 1);
    CHECK(now(CLOCK_BOOTTIME) >= now(CLOCK_MONOTONIC) - second);
    // The C library's clock, which may come from the vDSO, agrees with the system call.
    timespec t{};
    const int64_t before = now(CLOCK_MONOTONIC);
    clock_gettime(CLOCK_MONOTONIC, &t);
    const int64_t library = t.tv_sec * second + t.tv_nsec;
    CHECK(before <= library && library <= now(CLOCK_MONOTONIC));
}

void check_sleep() {
    constexpr int64_t length = 20'000'000;
    const timespec span{0, length}, bad{0, 1'000'000'000}, negative{-1, 0}, zero{0, 0};
    timespec left{5, 5};
    int64_t start = now(CLOCK_MONOTONIC);
    CHECK(call(SYS_nanosleep, &span, &left));
    CHECK(now(CLOCK_MONOTONIC) - start >= length);
    CHECK(left.tv_sec);  // only an interrupted sleep writes it
    start = now(CLOCK_MONOTONIC);
    const timespec until{(start + length) / 1'000'000'000, (start + length) % 1'000'000'000};
    CHECK(call(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr));
    CHECK(now(CLOCK_MONOTONIC) >= start + length);
    const int64_t wall = now(CLOCK_REALTIME) + length;
    const timespec wall_until{wall / 1'000'000'000, wall % 1'000'000'000};
    CHECK(call(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &wall_until, nullptr));
    CHECK(now(CLOCK_REALTIME) >= wall);
    CHECK(call(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &zero, nullptr));
    CHECK(call(SYS_nanosleep, &zero, nullptr));
    CHECK(call(SYS_nanosleep, &bad, nullptr));
    CHECK(call(SYS_nanosleep, &negative, nullptr));
    CHECK(call(SYS_nanosleep, nowhere, nullptr));
    CHECK(call(SYS_clock_nanosleep, 99, 0, &span, nullptr));
    CHECK(call(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &span, nullptr));
    CHECK(call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, nullptr));
}

void check_processor_time() {
    tms t{};
    CHECK(call(SYS_times, &t) > 0);
    CHECK(t.tms_utime >= 0 && t.tms_cutime == 0 && t.tms_cstime == 0);
    CHECK(call(SYS_times, nowhere));
    const int64_t process = now(CLOCK_PROCESS_CPUTIME_ID), thread = now(CLOCK_THREAD_CPUTIME_ID);
    volatile unsigned work = 0;
    for (unsigned i = 0; i < 3'000'000; ++i) work = work + i;
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) > process && now(CLOCK_THREAD_CPUTIME_ID) > thread);
    // A sleep takes no processor time.
    const timespec span{0, 100'000'000};
    const int64_t before = now(CLOCK_PROCESS_CPUTIME_ID);
    CHECK(call(SYS_nanosleep, &span, nullptr));
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - before < 50'000'000);
}

}  // namespace

void check_time() {
    check_clocks();
    check_relations();
    check_sleep();
    check_processor_time();
}

}  // namespace system_calls
