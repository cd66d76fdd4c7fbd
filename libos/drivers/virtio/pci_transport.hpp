#pragma once
// What both forms of the PCI transport have in common (virtio 1.2 section 4.1): the function and its messages.
#include "libos/drivers/pci/function.hpp"
#include "libos/drivers/pci/msix.hpp"
#include "libos/drivers/virtio/transport.hpp"

namespace eremite::virtio {

namespace pci = drivers::pci;

inline constexpr uint16_t virtio_vendor = 0x1af4;

class PciTransport : public Transport {
public:
    [[nodiscard]] uint32_t device_type() final { return type_; }
    [[nodiscard]] uint16_t interrupt_count() const final { return static_cast<uint16_t>(msix_.count()); }
    [[nodiscard]] Result<void> connect_interrupt(uint16_t entry, unsigned cpu, unsigned vector) final;
    void disconnect_interrupt(uint16_t entry) final { msix_.mask(entry); }
    // A message says by itself what it is for.
    [[nodiscard]] Events acknowledge(uint16_t entry) final { return {true, entry == 0}; }

protected:
    PciTransport(uint32_t type, const pci::Msix& msix) : msix_{msix}, type_{type} {}
    ~PciTransport() = default;
    // Tells the device to use `entry` for its configuration. EIO: it does not take it.
    [[nodiscard]] virtual Result<void> set_configuration_interrupt(uint16_t entry) = 0;

private:
    const pci::Msix msix_;
    const uint32_t type_;
};

// Takes over a function of a virtio device, in its modern form if it has one. ENODEV: it is none; ENXIO: it is not accessible; ENOMEM;
// errors of map_device_memory.
[[nodiscard]] Result<Transport*> open_pci_device(const pci::Function& function);

}  // namespace eremite::virtio
