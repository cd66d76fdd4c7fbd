#pragma once
// Makes the registers of devices accessible.
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::drivers {

// What of physical memory is RAM, where no device can be. The ranges must stay.
void set_ram(std::span<const PhysicalRange> ranges);
// Whether a device may stand there.
[[nodiscard]] bool may_hold_devices(PhysicalRange range);

// Maps physical memory uncached at the direct map, where that is not done yet. EINVAL: it is RAM, or out of reach; EBUSY:
// something else stands at that address; ENOMEM.
[[nodiscard]] Result<VirtualAddress> map_device_memory(PhysicalRange range);

}  // namespace eremite::drivers
