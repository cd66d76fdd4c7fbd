#include "libos/drivers/virtio/pci_modern.hpp"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include <algorithm>
#include <new>

#include "libos/drivers/device_memory.hpp"
#include "libos/drivers/registers.hpp"
#include "virtio/queue.hpp"

namespace eremite::virtio {

using drivers::read_register;
using drivers::write_register;

// Section 4.1.4: where a structure stands. Empty when that cannot be.
PciModernTransport::Structure PciModernTransport::map(const pci::Function& function, uint8_t capability, uint64_t least) {
    const uint64_t offset = function.read32(capability + VIRTIO_PCI_CAP_OFFSET), size = function.read32(capability + VIRTIO_PCI_CAP_LENGTH);
    const auto bar = function.bar(function.read8(capability + VIRTIO_PCI_CAP_BAR));
    if (!bar || bar->io || bar->address == 0 || size < least || offset > bar->size || size > bar->size - offset || offset % 4 != 0) return {};
    const PhysicalAddress start{bar->address + offset};
    // More than this is no structure of ours: it would take page tables for nothing.
    const uint64_t used = std::min<uint64_t>(size, 1 << 20);
    const auto base = drivers::map_device_memory({start, start + used});
    return base.ok() ? Structure{base.value(), used} : Structure{};
}

Result<PciModernTransport::Structures> PciModernTransport::find(const pci::Function& function) {
    Structures found;
    // The first one of each kind that can be used is the one to use. Interrupts come as messages, so nobody reads the ISR.
    const bool done = function.any_capability(PCI_CAP_ID_VNDR, [&](uint8_t at) {
        switch (function.read8(at + VIRTIO_PCI_CAP_CFG_TYPE)) {
        case VIRTIO_PCI_CAP_COMMON_CFG:
            if (found.common.size == 0) found.common = map(function, at, sizeof(virtio_pci_common_cfg));
            break;
        case VIRTIO_PCI_CAP_NOTIFY_CFG:
            if (found.notification.size != 0) break;
            found.notification = map(function, at, sizeof(uint16_t));
            found.notification_multiplier = function.read32(at + VIRTIO_PCI_NOTIFY_CAP_MULT);
            break;
        case VIRTIO_PCI_CAP_DEVICE_CFG:
            if (found.configuration.size == 0) found.configuration = map(function, at, 1);
            break;
        default: break;
        }
        return false;
    });
    if (done || found.common.size == 0 || found.notification.size == 0) return Error{ENXIO};
    return found;
}

Result<Transport*> PciModernTransport::open(const pci::Function& function, uint32_t type, const pci::Msix& msix) {
    const Structures found = TRY(find(function));
    auto* const transport = new (std::nothrow) PciModernTransport{type, msix, found};
    if (!transport) return Error{ENOMEM};
    return transport;
}

uint8_t PciModernTransport::status() { return read_register<uint8_t>(structures_.common.base + VIRTIO_PCI_COMMON_STATUS); }
void PciModernTransport::set_status(uint8_t status) { write_register(structures_.common.base + VIRTIO_PCI_COMMON_STATUS, status); }

uint64_t PciModernTransport::offered_features() {
    const VirtualAddress common = structures_.common.base;
    write_register(common + VIRTIO_PCI_COMMON_DFSELECT, uint32_t{0});
    const uint64_t low = read_register<uint32_t>(common + VIRTIO_PCI_COMMON_DF);
    write_register(common + VIRTIO_PCI_COMMON_DFSELECT, uint32_t{1});
    return uint64_t{read_register<uint32_t>(common + VIRTIO_PCI_COMMON_DF)} << 32 | low;
}

void PciModernTransport::accept_features(uint64_t features) {
    const VirtualAddress common = structures_.common.base;
    for (uint32_t half = 0; half < 2; ++half) {
        write_register(common + VIRTIO_PCI_COMMON_GFSELECT, half);
        write_register(common + VIRTIO_PCI_COMMON_GF, static_cast<uint32_t>(features >> 32 * half));
    }
}

uint16_t PciModernTransport::queue_limit(uint16_t index) {
    const VirtualAddress common = structures_.common.base;
    if (index >= read_register<uint16_t>(common + VIRTIO_PCI_COMMON_NUMQ)) return 0;
    write_register(common + VIRTIO_PCI_COMMON_Q_SELECT, index);
    return std::min(read_register<uint16_t>(common + VIRTIO_PCI_COMMON_Q_SIZE), largest_queue);
}

void PciModernTransport::write_address(uint32_t low_offset, PhysicalAddress address) const {
    write_register(structures_.common.base + low_offset, static_cast<uint32_t>(address.value));
    write_register(structures_.common.base + low_offset + 4, static_cast<uint32_t>(address.value >> 32));
}

Result<void> PciModernTransport::start_queue(const Queue& queue, uint16_t interrupt) {
    const VirtualAddress common = structures_.common.base;
    write_register(common + VIRTIO_PCI_COMMON_Q_SELECT, queue.index());
    if (read_register<uint16_t>(common + VIRTIO_PCI_COMMON_Q_ENABLE) != 0) return Error{EIO};
    const uint64_t doorbell = uint64_t{read_register<uint16_t>(common + VIRTIO_PCI_COMMON_Q_NOFF)} * structures_.notification_multiplier;
    if (!structures_.notification.holds(doorbell, sizeof(uint16_t)) || doorbell % sizeof(uint16_t) != 0) return Error{EIO};
    if (doorbells_.size() <= queue.index()) TRY(doorbells_.resize(queue.index() + size_t{1}));
    doorbells_[queue.index()] = structures_.notification.base + doorbell;
    write_register(common + VIRTIO_PCI_COMMON_Q_SIZE, queue.shape().size);
    write_register(common + VIRTIO_PCI_COMMON_Q_MSIX, interrupt);
    if (read_register<uint16_t>(common + VIRTIO_PCI_COMMON_Q_MSIX) != interrupt) return Error{EIO};
    write_address(VIRTIO_PCI_COMMON_Q_DESCLO, queue.descriptors());
    write_address(VIRTIO_PCI_COMMON_Q_AVAILLO, queue.driver_area());
    write_address(VIRTIO_PCI_COMMON_Q_USEDLO, queue.device_area());
    write_register(common + VIRTIO_PCI_COMMON_Q_ENABLE, uint16_t{1});
    return {};
}

void PciModernTransport::notify(uint16_t index) { write_register(doorbells_[index], index); }

uint32_t PciModernTransport::read_configuration(uint32_t offset, unsigned width) {
    return structures_.configuration.holds(offset, width) ? read_register(structures_.configuration.base + offset, width) : 0;
}

void PciModernTransport::write_configuration(uint32_t offset, unsigned width, uint32_t value) {
    if (structures_.configuration.holds(offset, width)) write_register(structures_.configuration.base + offset, width, value);
}

uint32_t PciModernTransport::configuration_generation() { return read_register<uint8_t>(structures_.common.base + VIRTIO_PCI_COMMON_CFGGENERATION); }

Result<void> PciModernTransport::set_configuration_interrupt(uint16_t entry) {
    write_register(structures_.common.base + VIRTIO_PCI_COMMON_MSIX, entry);
    return read_register<uint16_t>(structures_.common.base + VIRTIO_PCI_COMMON_MSIX) == entry ? Result<void>{} : Result<void>{Error{EIO}};
}

}  // namespace eremite::virtio
