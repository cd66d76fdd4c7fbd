#pragma once
// Time spans and points in nanoseconds. Kept as signed 64-bit: 292 years either way.
#include <compare>
#include <cstdint>

namespace eremite {

struct Duration {
    int64_t ns = 0;
    constexpr auto operator<=>(const Duration&) const = default;
    [[nodiscard]] constexpr Duration operator+(Duration o) const { return {ns + o.ns}; }
    [[nodiscard]] constexpr Duration operator-(Duration o) const { return {ns - o.ns}; }
    [[nodiscard]] static constexpr Duration nanoseconds(int64_t n) { return {n}; }
    [[nodiscard]] static constexpr Duration microseconds(int64_t n) { return {n * 1'000}; }
    [[nodiscard]] static constexpr Duration milliseconds(int64_t n) { return {n * 1'000'000}; }
    [[nodiscard]] static constexpr Duration seconds(int64_t n) { return {n * 1'000'000'000}; }
};

// A point on the monotonic clock, which starts at boot.
struct Instant {
    int64_t ns = 0;
    constexpr auto operator<=>(const Instant&) const = default;
    [[nodiscard]] constexpr Instant operator+(Duration d) const { return {ns + d.ns}; }
    [[nodiscard]] constexpr Duration operator-(Instant o) const { return {ns - o.ns}; }
    [[nodiscard]] static constexpr Instant never() { return {INT64_MAX}; }
};

}  // namespace eremite
