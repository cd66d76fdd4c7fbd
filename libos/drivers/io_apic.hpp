#pragma once
// The I/O APICs (Intel 82093AA data sheet): they route interrupt lines of devices to vectors of CPUs.
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/platform/firmware_devices.hpp"

namespace eremite::drivers {

// Those that firmware told of. Until then there is the one of every PC, with lines from 0 on.
void set_io_apics(const platform::IoApics& controllers);
// Unmasks `line`, edge-triggered, to a vector of a CPU. ENODEV: no I/O APIC has this line; errors of map_device_memory.
[[nodiscard]] Result<void> route_interrupt(uint32_t line, unsigned cpu, unsigned vector);
void mask_interrupt(uint32_t line);

}  // namespace eremite::drivers
