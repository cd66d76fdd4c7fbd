#pragma once
// Times as the program gives and takes them: struct timespec and nanoseconds.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace eremite::syscall {

struct TimeSpec {
    int64_t seconds, nanoseconds;
};

// struct itimerspec
struct TimerSpec {
    TimeSpec interval, value;
};

inline constexpr int64_t ns_per_second = 1'000'000'000;

[[nodiscard]] constexpr TimeSpec to_timespec(int64_t ns) { return {ns / ns_per_second, ns % ns_per_second}; }
// EINVAL when it is none. What is longer than the clock can count is for ever.
[[nodiscard]] Result<int64_t> to_nanoseconds(const TimeSpec& time);
// A struct timespec of the program in nanoseconds: EINVAL when it is none. What is longer than the clock can count is for ever.
[[nodiscard]] Result<int64_t> load_time(VirtualAddress address);
// When a wait that begins now ends; a null `timeout` is none. EINVAL, EFAULT.
[[nodiscard]] Result<Instant> deadline_of(VirtualAddress timeout);
// Tells the program how much of its timeout is left, as Linux does: a struct timespec, or a struct timeval if `microseconds`.
// A null timeout is nothing, and one in read-only memory no error.
void store_rest(VirtualAddress timeout, Instant deadline, bool microseconds = false);
// now + span, at most the end of time.
[[nodiscard]] constexpr int64_t later(int64_t now, int64_t span) { return span > INT64_MAX - now ? INT64_MAX : now + span; }

}  // namespace eremite::syscall
