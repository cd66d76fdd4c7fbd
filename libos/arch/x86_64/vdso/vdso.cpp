// The virtual dynamic shared object (vdso(7)): the clock as plain function calls. Runs as a part of the program, in its own
// shared object, and knows nothing but the page of data before it.
#include <linux/time.h>
#include <sys/syscall.h>

#include "abi/cpu_block_offsets.h"
#include "libos/vdso/data.hpp"

extern "C" {

// Placed by vdso.ld.
extern const eremite::vdso::Data vdso_data __attribute__((visibility("hidden")));

namespace {

constexpr int64_t ns_per_second = 1'000'000'000;

struct Time {
    int64_t seconds, fraction;
};

struct Now {
    int64_t monotonic, realtime;
};

inline Now now() {
    for (;;) {
        const uint32_t sequence = vdso_data.sequence;
        // SAFETY: reads the counter; the fences keep the reads of the page between the two looks at the sequence.
        uint32_t low, high;
        asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
        const uint64_t ticks = (uint64_t{high} << 32 | low) - vdso_data.start_tsc;
        const auto monotonic = static_cast<int64_t>(static_cast<unsigned __int128>(ticks) * vdso_data.multiplier >> 32);
        const int64_t realtime = monotonic + vdso_data.wall_clock_offset;
        asm volatile("" : : : "memory");
        if (!(sequence & 1) && sequence == vdso_data.sequence) return {monotonic, realtime};
    }
}

inline long system_call(long number, long a, const void* b) {
    long result;
    // SAFETY: the Linux system-call convention.
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

inline void store(Time* time, int64_t ns) {
    time->seconds = ns / ns_per_second;
    time->fraction = ns % ns_per_second;
}

}  // namespace

__attribute__((visibility("default"))) int __vdso_clock_gettime(int clock, Time* time) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: store(time, now().realtime); return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: store(time, now().monotonic); return 0;
    default: return static_cast<int>(system_call(SYS_clock_gettime, clock, time));
    }
}

__attribute__((visibility("default"))) int __vdso_clock_getres(int clock, Time* resolution) {
    return static_cast<int>(system_call(SYS_clock_getres, clock, resolution));
}

__attribute__((visibility("default"))) int __vdso_gettimeofday(Time* time, int* zone) {
    if (time) {
        store(time, now().realtime);
        time->fraction /= 1000;
    }
    if (zone) zone[0] = zone[1] = 0;
    return 0;
}

__attribute__((visibility("default"))) long __vdso_time(long* time) {
    const long seconds = now().realtime / ns_per_second;
    if (time) *time = seconds;
    return seconds;
}

// The number stands in the block to which the CPU's GS points. There is one memory node.
__attribute__((visibility("default"))) long __vdso_getcpu(unsigned* cpu, unsigned* node, void*) {
    unsigned index;
    // SAFETY: GS base is the CPU block whenever a program runs.
    asm volatile("movl %%gs:%c1, %0" : "=r"(index) : "i"(CPU_INDEX));
    if (cpu) *cpu = index;
    if (node) *node = 0;
    return 0;
}

}  // extern "C"
