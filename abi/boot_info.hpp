#pragma once
// What the supervisor tells the library OS at its start.
#include <cstdint>

namespace eremite::abi {

enum class TimerMode : uint64_t { LapicOneShot, TscDeadline };

struct BootInfo {
    uint64_t start_info;  // physical address of the PVH start info (Xen's hvm_start_info), below 1 GiB
    uint64_t entry_tsc;   // time stamp counter at the entry point
    TimerMode timer_mode;
    uint64_t xcr0;                 // enabled extended state, 0 when the CPU announces none
    // Page tables may have pages of 1 GiB. From ring 0, whose CPUID is the machine's: a host that interprets ring 0 and runs ring 3
    // natively shows its own there.
    bool huge_pages;
};

// Physical memory below this is mapped, one to one and at the direct map, before the library OS loads its own page tables.
inline constexpr uint64_t boot_mapped_memory = uint64_t{1} << 30;

}  // namespace eremite::abi
