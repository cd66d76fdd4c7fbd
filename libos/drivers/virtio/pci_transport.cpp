#include "libos/drivers/virtio/pci_transport.hpp"

#include "libos/drivers/virtio/pci_legacy.hpp"
#include "libos/drivers/virtio/pci_modern.hpp"

namespace eremite::virtio {

Result<void> PciTransport::connect_interrupt(uint16_t entry, unsigned cpu, unsigned vector) {
    msix_.set(entry, arch::interrupt_message(cpu, vector));
    return entry == 0 ? set_configuration_interrupt(entry) : Result<void>{};
}

Result<Transport*> open_pci_device(const pci::Function& function) {
    // Section 4.1.2: transitional devices are told apart by their subsystem.
    constexpr uint16_t first_transitional = 0x1000, first_modern = 0x1040, last = 0x107f;
    const uint16_t id = function.device();
    if (function.vendor() != virtio_vendor || id < first_transitional || id > last) return Error{ENODEV};
    const uint32_t type = id >= first_modern ? id - first_modern : function.subsystem();
    function.enable();
    auto msix = pci::Msix::open(function);
    if (!msix.ok() && msix.code() != ENODEV) return msix.error();
    const pci::Msix messages = msix.ok() ? *msix : pci::Msix{};
    auto modern = PciModernTransport::open(function, type, messages);
    if (modern.ok() || modern.code() != ENXIO || id >= first_modern) return modern;
    return PciLegacyTransport::open(function, type, messages);
}

}  // namespace eremite::virtio
