#pragma once
// Devices that firmware's tables describe (ACPI 6.5): virtio devices on the MMIO transport, the PCI host bridge, I/O APICs. Foreign
// data, read without an interpreter: what is not of the form that firmware of virtual machines has is passed over.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "libos/platform/memory_view.hpp"

namespace eremite::platform {

struct VirtioMmioDevice {
    PhysicalRange registers;
    uint32_t interrupt_line;  // of the I/O APICs, counted over all of them
    bool operator==(const VirtioMmioDevice&) const = default;
};

struct VirtioMmioDevices {
    static constexpr size_t most = 32;
    VirtioMmioDevice devices[most]{};
    size_t count = 0;
    // Those that are there already, and those beyond the room, are left out.
    void add(const VirtioMmioDevice& device) {
        for (size_t i = 0; i < count; ++i)
            if (devices[i].registers.overlaps(device.registers)) return;
        if (count < most) devices[count++] = device;
    }
};

// Devices whose hardware id is LNRO0005 (virtio 1.2 leaves it to the platform; QEMU and Firecracker use this one).
void find_virtio_mmio_devices(PhysicalAddress rsdp, MemoryView& memory, VirtioMmioDevices& found);
// "SIZE@ADDRESS:LINE[:ID]", as monitors announce a device on the kernel's command line after `virtio_mmio.device=`. Nothing when it
// is malformed.
[[nodiscard]] std::optional<VirtioMmioDevice> parse_virtio_mmio_announcement(std::string_view text);

struct PciHost {
    PhysicalAddress configuration{};  // of bus 0, 1 MiB a bus (PCI Express 5.0, 7.2.2); 0: there is no such access
    uint8_t last_bus = 0;
    PhysicalRange window{};  // where 32-bit memory BARs may stand; empty if firmware does not say
};
[[nodiscard]] PciHost find_pci_host(PhysicalAddress rsdp, MemoryView& memory);

struct IoApic {
    PhysicalAddress registers;
    uint32_t first_line;
};
struct IoApics {
    static constexpr size_t most = 8;
    IoApic controllers[most]{};
    size_t count = 0;
};
[[nodiscard]] IoApics find_io_apics(PhysicalAddress rsdp, MemoryView& memory);

}  // namespace eremite::platform
