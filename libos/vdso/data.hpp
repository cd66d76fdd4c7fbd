#pragma once
// The page before the vDSO: what it needs to turn the time stamp counter into times. Written by the library OS only.
#include <cstdint>

namespace eremite::vdso {

struct Data {
    volatile uint32_t sequence;  // odd while the rest changes
    uint64_t start_tsc;          // at boot
    uint64_t multiplier;         // nanoseconds per tick, times 2^32
    int64_t wall_clock_offset;   // from the monotonic clock to the time since 1970, in nanoseconds
};

}  // namespace eremite::vdso
