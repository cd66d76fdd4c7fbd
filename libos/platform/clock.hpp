#pragma once
// The clocks, from the time stamp counter.
#include <cstdint>

#include "base/time.hpp"
#include "libos/vdso/data.hpp"

namespace eremite::platform {

// Time since boot.
[[nodiscard]] Instant monotonic_now();
// Nanoseconds since 1970-01-01 UTC.
[[nodiscard]] int64_t realtime_now();
[[nodiscard]] uint64_t tsc_khz();
// Sets the wall clock (clock_settime).
void set_realtime(int64_t ns);
// Keeps `data` up to date from now on, for the clock that needs no system call.
void publish_clock(vdso::Data& data);
// Asks for a timer interrupt at `when`, or earlier if that is further than the timer reaches.
void arm_timer_at(Instant when);

}  // namespace eremite::platform
