#pragma once
// The virtio devices of the machine, on whichever transport.
#include <span>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/drivers/pci/function.hpp"
#include "libos/drivers/virtio/transport.hpp"

namespace eremite::virtio {

// What is known of the machine. `announcements`: see platform::parse_virtio_mmio_announcement. All of it must stay.
struct Machine {
    PhysicalAddress acpi_root;  // 0: there is none
    std::span<const std::string_view> announcements;
};
// Once, before claim(). Nothing is looked for yet: most programs need no device.
void set_machine(const Machine& machine);

// A device of this type (VIRTIO_ID_*) that nobody has yet; it is the caller's from now on. ENODEV: there is no further one.
[[nodiscard]] Result<Transport*> claim(uint32_t type);

// A network interface on a PCI bus that is no virtio device, of this vendor and kind; the caller's from now on. ENODEV.
[[nodiscard]] Result<drivers::pci::Function> claim_other(uint16_t vendor, uint16_t device);

}  // namespace eremite::virtio
