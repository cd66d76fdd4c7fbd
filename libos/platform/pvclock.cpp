#include "libos/platform/pvclock.hpp"

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

}  // namespace

uint64_t read_pvclock_khz() {
    if (!arch::hypervisor_name().starts_with("KVMKVMKVM")) return 0;
    const auto page = mm::page_allocator().allocate(0);
    if (!page.ok()) return 0;
    // SAFETY: the page is ours until the clock is switched off again.
    auto* shared = direct_map(page.value()).as<volatile TimeInfo>();
    std::memset(direct_map(page.value()).as<void>(), 0, sizeof(TimeInfo));
    constexpr uint64_t enable = 1;
    arch::write_msr(msr_system_time, page.value().value | enable);
    const uint32_t multiplier = shared->tsc_to_system_multiplier;
    const int shift = shared->tsc_shift;
    const bool settled = shared->version % 2 == 0;
    arch::write_msr(msr_system_time, 0);
    mm::page_allocator().free(page.value(), 0);
    if (multiplier == 0 || !settled || shift < -32 || shift > 31) return 0;
    // ns = (ticks << shift) * multiplier >> 32, so a millisecond is 10^6 * 2^32 / multiplier ticks, shifted back.
    const uint64_t khz = (uint64_t{1'000'000} << 32) / multiplier;
    return shift >= 0 ? khz >> shift : khz << -shift;
}

}  // namespace eremite::platform
