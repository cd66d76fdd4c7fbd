#include "libos/syscall/time.hpp"

#include <time.h>

#include <algorithm>

#include "libos/mm/user_memory.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/sleep.hpp"
#include "libos/sched/threads.hpp"
#include "libos/sched/timer_clock.hpp"
#include "libos/syscall/process.hpp"

namespace eremite::syscall {

namespace {

// A clock id below 0 is that of a process or a thread (clock_getcpuclockid(3)): ~id << 3, thread bit 4, kind in the low bits.
Result<int64_t> read_cpu_clock(int clock) {
    constexpr int of_thread = 4, kind_mask = 3;
    const int id = ~(clock >> 3);
    if ((clock & kind_mask) == kind_mask) return Error{EINVAL};
    if (!(clock & of_thread)) return id == 0 || id == process_id ? Result<int64_t>{sched::total_cpu_time().ns} : Result<int64_t>{Error{EINVAL}};
    const auto ns = sched::with_thread(id, [](const sched::Thread& thread) -> Result<int64_t> { return sched::cpu_time(thread).ns; });
    if (!ns.ok()) return Error{EINVAL};
    return ns.value();
}

Result<int64_t> read_clock(int clock) {
    if (clock < 0) return read_cpu_clock(clock);
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: return platform::realtime_now();
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: return platform::monotonic_now().ns;
    case CLOCK_PROCESS_CPUTIME_ID: return sched::total_cpu_time().ns;
    case CLOCK_THREAD_CPUTIME_ID: return sched::cpu_time(sched::current_thread()).ns;
    default: return Error{EINVAL};
    }
}

Result<void> sleep_until_monotonic(int64_t until) { return sched::sleep_until(Instant{until}); }

}  // namespace

Result<long> sys_clock_gettime(int clock, VirtualAddress time) {
    const TimeSpec t = to_timespec(TRY(read_clock(clock)));
    TRY(mm::copy_to_user(time, &t, sizeof t));
    return 0L;
}

Result<long> sys_clock_settime(int clock, VirtualAddress time) {
    if (clock != CLOCK_REALTIME) return Error{EINVAL};
    const int64_t ns = TRY(load_time(time));
    platform::set_realtime(ns);
    sched::tell_clock_was_set();
    return 0L;
}

Result<long> sys_clock_getres(int clock, VirtualAddress resolution) {
    TRY(read_clock(clock));
    if (resolution.value == 0) return 0L;
    // The coarse clocks are as fine as the others here, but programs know Linux's 4 ms tick.
    const bool coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
    const TimeSpec t{0, coarse ? 4'000'000 : 1};
    TRY(mm::copy_to_user(resolution, &t, sizeof t));
    return 0L;
}

Result<long> sys_clock_nanosleep(int clock, int flags, VirtualAddress request, VirtualAddress remaining) {
    if (clock == CLOCK_THREAD_CPUTIME_ID || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_REALTIME_COARSE)
        return Error{EOPNOTSUPP};
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && clock != CLOCK_TAI && clock != CLOCK_PROCESS_CPUTIME_ID)
        return Error{EINVAL};
    const int64_t ns = TRY(load_time(request));
    const int64_t monotonic = platform::monotonic_now().ns;
    if (!(flags & TIMER_ABSTIME)) {
        const int64_t until = later(monotonic, ns);
        const auto slept = sleep_until_monotonic(until);
        if (slept.ok()) return 0L;
        const TimeSpec rest = to_timespec(std::max<int64_t>(until - platform::monotonic_now().ns, 0));
        if (remaining.value != 0) TRY(mm::copy_to_user(remaining, &rest, sizeof rest));
        return slept.error();
    } else {
        const int64_t until = clock == CLOCK_REALTIME || clock == CLOCK_TAI ? ns - (platform::realtime_now() - monotonic) : ns;
        TRY(sleep_until_monotonic(until));
    }
    return 0L;
}

Result<long> sys_nanosleep(VirtualAddress request, VirtualAddress remaining) {
    return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, request, remaining);
}

Result<long> sys_time(VirtualAddress time) {
    const long seconds = platform::realtime_now() / ns_per_second;
    if (time.value != 0) TRY(mm::copy_to_user(time, &seconds, sizeof seconds));
    return seconds;
}

Result<long> sys_gettimeofday(VirtualAddress time, VirtualAddress zone) {
    if (time.value != 0) {
        const int64_t ns = platform::realtime_now();
        const TimeSpec t{ns / ns_per_second, ns % ns_per_second / 1000};
        TRY(mm::copy_to_user(time, &t, sizeof t));
    }
    if (zone.value != 0) TRY(mm::zero_user_now(zone, 8));
    return 0L;
}

}  // namespace eremite::syscall
