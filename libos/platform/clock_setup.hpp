#pragma once
// How init starts the clocks.
#include <cstdint>

#include "abi/boot_info.hpp"

namespace eremite::platform {

// Finds the time stamp counter's frequency: `tsc_khz` of the kernel arguments if not 0, what CPU or hypervisor announce,
// or a measurement against a timer of known frequency. Time starts at `info.entry_tsc`.
void start_clock(const abi::BootInfo& info, uint64_t tsc_khz);
// Reads the wall clock (KVM's, or the CMOS real-time clock) once; without one, time starts at 1970 and the log says so.
void start_wall_clock();
// Reads it again: time has passed that this machine did not see.
void correct_wall_clock();

}  // namespace eremite::platform
