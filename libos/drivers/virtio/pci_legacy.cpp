#include "libos/drivers/virtio/pci_legacy.hpp"

#include <linux/virtio_pci.h>

#include <algorithm>
#include <new>

#include "libos/arch/supervisor.hpp"
#include "virtio/queue.hpp"

namespace eremite::virtio {

using arch::port_in;
using arch::port_out;

namespace {

constexpr uint32_t configuration_at = 20, configuration_with_messages_at = 24;

}  // namespace

Result<Transport*> PciLegacyTransport::open(const pci::Function& function, uint32_t type, const pci::Msix& msix) {
    const auto bar = function.bar(0);
    constexpr uint64_t all_ports = 1 << 16;
    if (!bar || !bar->io || bar->address == 0 || bar->size < configuration_with_messages_at) return Error{ENXIO};
    if (bar->address >= all_ports || bar->size > all_ports - bar->address) return Error{ENXIO};
    auto* const transport = new (std::nothrow)
        PciLegacyTransport{type, msix, static_cast<uint16_t>(bar->address), static_cast<uint32_t>(bar->size)};
    if (!transport) return Error{ENOMEM};
    return transport;
}

uint8_t PciLegacyTransport::status() { return static_cast<uint8_t>(port_in(port(VIRTIO_PCI_STATUS), 1)); }
void PciLegacyTransport::set_status(uint8_t status) { port_out(port(VIRTIO_PCI_STATUS), 1, status); }
uint64_t PciLegacyTransport::offered_features() { return port_in(port(VIRTIO_PCI_HOST_FEATURES), 4); }
void PciLegacyTransport::accept_features(uint64_t features) { port_out(port(VIRTIO_PCI_GUEST_FEATURES), 4, static_cast<uint32_t>(features)); }

uint16_t PciLegacyTransport::queue_limit(uint16_t index) {
    port_out(port(VIRTIO_PCI_QUEUE_SEL), 2, index);
    return std::min(static_cast<uint16_t>(port_in(port(VIRTIO_PCI_QUEUE_NUM), 2)), largest_queue);
}

Result<void> PciLegacyTransport::start_queue(const Queue& queue, uint16_t interrupt) {
    const uint64_t frame = queue.descriptors().value >> VIRTIO_PCI_QUEUE_ADDR_SHIFT;
    port_out(port(VIRTIO_PCI_QUEUE_SEL), 2, queue.index());
    if (frame > UINT32_MAX || port_in(port(VIRTIO_PCI_QUEUE_PFN), 4) != 0) return Error{EIO};
    if (interrupt_count() > 0) {
        port_out(port(VIRTIO_MSI_QUEUE_VECTOR), 2, interrupt);
        if (static_cast<uint16_t>(port_in(port(VIRTIO_MSI_QUEUE_VECTOR), 2)) != interrupt) return Error{EIO};
    }
    port_out(port(VIRTIO_PCI_QUEUE_PFN), 4, static_cast<uint32_t>(frame));
    return {};
}

void PciLegacyTransport::notify(uint16_t index) { port_out(port(VIRTIO_PCI_QUEUE_NOTIFY), 2, index); }

uint16_t PciLegacyTransport::configuration_port(uint32_t offset, unsigned width) const {
    const uint32_t start = interrupt_count() > 0 ? configuration_with_messages_at : configuration_at;
    return offset <= count_ - start && width <= count_ - start - offset ? port(start + offset) : uint16_t{0};
}

uint32_t PciLegacyTransport::read_configuration(uint32_t offset, unsigned width) {
    const uint16_t place = configuration_port(offset, width);
    return place != 0 ? port_in(place, width) : 0;
}

void PciLegacyTransport::write_configuration(uint32_t offset, unsigned width, uint32_t value) {
    if (const uint16_t place = configuration_port(offset, width); place != 0) port_out(place, width, value);
}

Result<void> PciLegacyTransport::set_configuration_interrupt(uint16_t entry) {
    port_out(port(VIRTIO_MSI_CONFIG_VECTOR), 2, entry);
    return static_cast<uint16_t>(port_in(port(VIRTIO_MSI_CONFIG_VECTOR), 2)) == entry ? Result<void>{} : Result<void>{Error{EIO}};
}

}  // namespace eremite::virtio
