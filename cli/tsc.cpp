#include "cli/tsc.hpp"

#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#include <algorithm>
#include <cmath>

namespace eremite::cli {

namespace {

struct Instant {
    uint64_t ticks;
    uint64_t nanoseconds;
};

// Both counters at nearly the same moment: of some tries the one that took least.
Instant read_both() {
    Instant best{};
    uint64_t shortest = UINT64_MAX;
    for (int i = 0; i < 16; ++i) {
        timespec time{};
        const uint64_t before = __rdtsc();
        if (clock_gettime(CLOCK_MONOTONIC_RAW, &time) != 0) return {};
        const uint64_t after = __rdtsc();
        if (after - before < shortest) {
            shortest = after - before;
            best = {before + (after - before) / 2,
                    static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec)};
        }
    }
    return best;
}

uint64_t calibrate_khz() {
    const Instant start = read_both();
    constexpr timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
    // A signal only shortens the measurement.
    (void)nanosleep(&pause, nullptr);
    const Instant end = read_both();
    if (end.nanoseconds <= start.nanoseconds) return 0;
    return static_cast<uint64_t>(
        std::llround(static_cast<double>(end.ticks - start.ticks) * 1e6 / static_cast<double>(end.nanoseconds - start.nanoseconds)));
}

uint64_t announced_khz() {
    unsigned denominator = 0, numerator = 0, crystal_hz = 0, unused = 0;
    if (__get_cpuid(0x15, &denominator, &numerator, &crystal_hz, &unused) == 0) return 0;
    if (denominator == 0 || numerator == 0 || crystal_hz == 0) return 0;
    return uint64_t{crystal_hz} * numerator / denominator / 1000;
}

}  // namespace

uint64_t measure_tsc_khz() {
    const uint64_t measured = calibrate_khz();
    const uint64_t announced = announced_khz();
    const uint64_t difference = std::max(measured, announced) - std::min(measured, announced);
    // Half a percent is more than the measurement errs and less than scaled counters differ.
    return announced != 0 && difference < measured / 200 ? announced : measured;
}

}  // namespace eremite::cli
