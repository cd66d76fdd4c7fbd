#pragma once
// The frequency of this host's time stamp counter, which its guests see too: they have no good clock to measure it with.
#include <cstdint>

namespace eremite::cli {

// In kHz; 0 when it cannot be found out. From CPUID leaf 0x15 (Intel SDM volume 2, CPUID) when that agrees with a measurement of some 20 ms
// (a hypervisor may scale the counter and pass the leaf through), else the measurement. Takes those 20 ms.
uint64_t measure_tsc_khz();

}  // namespace eremite::cli
