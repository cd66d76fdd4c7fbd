#include "libos/platform/pvclock.hpp"

#include <atomic>
#include <cstddef>
#include <cstring>

#include "libos/arch/cpu.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::platform {

namespace {

constexpr uint32_t msr_system_time = 0x4b564d01;

// struct pvclock_vcpu_time_info
struct TimeInfo {
    uint32_t version;  // odd while it is being written
    uint32_t padding0;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_multiplier;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t padding[2];
};
static_assert(sizeof(TimeInfo) == 32);

constexpr uint32_t msr_wall_clock = 0x4b564d00;

// struct pvclock_wall_clock: the time at which the clock of the system began.
struct WallClock {
    uint32_t version, seconds, nanoseconds;
};

// ns = (ticks << shift) * multiplier >> 32
uint64_t to_ns(const TimeInfo& time, uint64_t ticks) {
    ticks = time.tsc_shift >= 0 ? ticks << time.tsc_shift : ticks >> -time.tsc_shift;
    return static_cast<uint64_t>(static_cast<unsigned __int128>(ticks) * time.tsc_to_system_multiplier >> 32);
}

// Both are written for good, as long as the clock is on, into a page of ours; nothing: there is no memory, or no such clock.
struct Reading {
    TimeInfo time;
    WallClock wall;
};
std::optional<Reading> read_clocks(bool with_wall_clock) {
    const auto page = mm::page_allocator().allocate(0);
    if (!page.ok()) return std::nullopt;
    // SAFETY: the page is ours until the clock is switched off again.
    auto* const shared = direct_map(page.value()).as<Reading>();
    std::memset(static_cast<void*>(shared), 0, sizeof *shared);
    constexpr uint64_t enable = 1;
    arch::write_msr(msr_system_time, page.value().value | enable);
    if (with_wall_clock) arch::write_msr(msr_wall_clock, page.value().value + offsetof(Reading, wall));
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const Reading reading = *shared;
    arch::write_msr(msr_system_time, 0);
    mm::page_allocator().free(page.value(), 0);
    const bool settled = reading.time.version % 2 == 0 && reading.wall.version % 2 == 0;
    if (reading.time.tsc_to_system_multiplier == 0 || !settled || reading.time.tsc_shift < -32 || reading.time.tsc_shift > 31) return std::nullopt;
    return reading;
}

}  // namespace

uint64_t read_pvclock_khz() {
    if (arch::kvm_features() == 0) return 0;
    const auto clocks = read_clocks(false);
    if (!clocks) return 0;
    // A millisecond is 10^6 * 2^32 / multiplier ticks, shifted back.
    const uint64_t khz = (uint64_t{1'000'000} << 32) / clocks->time.tsc_to_system_multiplier;
    const int shift = clocks->time.tsc_shift;
    return shift >= 0 ? khz >> shift : khz << -shift;
}

std::optional<int64_t> read_pvclock_realtime() {
    constexpr uint32_t both_clocks = 1 << 3;  // KVM_FEATURE_CLOCKSOURCE2
    if ((arch::kvm_features() & both_clocks) == 0) return std::nullopt;
    const auto clocks = read_clocks(true);
    if (!clocks || clocks->wall.seconds == 0) return std::nullopt;
    const uint64_t since_start = clocks->time.system_time + to_ns(clocks->time, arch::cycle_counter() - clocks->time.tsc_timestamp);
    return static_cast<int64_t>(uint64_t{clocks->wall.seconds} * 1'000'000'000 + clocks->wall.nanoseconds + since_start);
}

}  // namespace eremite::platform
