#pragma once
// The I/O APIC (Intel 82093AA data sheet): routes device interrupt lines to vectors of the boot CPU.
#include "base/address.hpp"

namespace eremite::drivers {

inline constexpr PhysicalAddress io_apic_address{0xfec00000};

// Its registers are mapped at direct_map(io_apic_address), uncached. Called by init once that is done.
void start_io_apic();
// Unmasks `line`, edge-triggered, to `vector`. Does nothing where there is no I/O APIC.
void route_interrupt(unsigned line, unsigned vector);

}  // namespace eremite::drivers
