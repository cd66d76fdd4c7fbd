#include "libos/drivers/virtio/mmio.hpp"

#include <linux/virtio_mmio.h>

#include <algorithm>
#include <new>

#include "libos/drivers/device_memory.hpp"
#include "libos/drivers/io_apic.hpp"
#include "libos/drivers/registers.hpp"
#include "virtio/queue.hpp"

namespace eremite::virtio {

using drivers::read_register;
using drivers::write_register;

Result<Transport*> MmioTransport::open(const platform::VirtioMmioDevice& device) {
    constexpr uint32_t magic = 0x74726976;  // "virt"
    constexpr uint32_t legacy_version = 1, modern_version = 2;
    const VirtualAddress base = TRY(drivers::map_device_memory(device.registers));
    const auto found = read_register<uint32_t>(base + VIRTIO_MMIO_MAGIC_VALUE);
    const auto version = read_register<uint32_t>(base + VIRTIO_MMIO_VERSION);
    if (found != magic || (version != legacy_version && version != modern_version)) return Error{ENODEV};
    if (read_register<uint32_t>(base + VIRTIO_MMIO_DEVICE_ID) == 0) return Error{ENODEV};
    auto* const transport = new (std::nothrow) MmioTransport{base, device.registers.size(), device.interrupt_line, version == legacy_version};
    if (!transport) return Error{ENOMEM};
    return transport;
}

uint32_t MmioTransport::read(uint32_t offset) const { return read_register<uint32_t>(base_ + offset); }
void MmioTransport::write(uint32_t offset, uint32_t value) const { write_register(base_ + offset, value); }

void MmioTransport::write_address(uint32_t low_offset, PhysicalAddress address) const {
    write(low_offset, static_cast<uint32_t>(address.value));
    write(low_offset + 4, static_cast<uint32_t>(address.value >> 32));
}

uint32_t MmioTransport::device_type() { return read(VIRTIO_MMIO_DEVICE_ID); }
uint8_t MmioTransport::status() { return static_cast<uint8_t>(read(VIRTIO_MMIO_STATUS)); }
void MmioTransport::set_status(uint8_t status) { write(VIRTIO_MMIO_STATUS, status); }

uint64_t MmioTransport::offered_features() {
    write(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    const uint64_t low = read(VIRTIO_MMIO_DEVICE_FEATURES);
    if (legacy_) return low;
    write(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    return uint64_t{read(VIRTIO_MMIO_DEVICE_FEATURES)} << 32 | low;
}

void MmioTransport::accept_features(uint64_t features) {
    write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    write(VIRTIO_MMIO_DRIVER_FEATURES, static_cast<uint32_t>(features));
    if (legacy_) return;
    write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    write(VIRTIO_MMIO_DRIVER_FEATURES, static_cast<uint32_t>(features >> 32));
}

uint16_t MmioTransport::queue_limit(uint16_t index) {
    write(VIRTIO_MMIO_QUEUE_SEL, index);
    return static_cast<uint16_t>(std::min<uint32_t>(read(VIRTIO_MMIO_QUEUE_NUM_MAX), largest_queue));
}

Result<void> MmioTransport::start_queue(const Queue& queue, uint16_t) {
    write(VIRTIO_MMIO_QUEUE_SEL, queue.index());
    if (read(legacy_ ? VIRTIO_MMIO_QUEUE_PFN : VIRTIO_MMIO_QUEUE_READY) != 0) return Error{EIO};
    write(VIRTIO_MMIO_QUEUE_NUM, queue.shape().size);
    if (legacy_) {
        // Section 4.2.4: the page size is the driver's choice.
        const uint64_t frame = queue.descriptors().value >> page_shift;
        if (frame > UINT32_MAX) return Error{EIO};
        write(VIRTIO_MMIO_GUEST_PAGE_SIZE, page_size);
        write(VIRTIO_MMIO_QUEUE_ALIGN, page_size);
        write(VIRTIO_MMIO_QUEUE_PFN, static_cast<uint32_t>(frame));
        return {};
    }
    write_address(VIRTIO_MMIO_QUEUE_DESC_LOW, queue.descriptors());
    write_address(VIRTIO_MMIO_QUEUE_AVAIL_LOW, queue.driver_area());
    write_address(VIRTIO_MMIO_QUEUE_USED_LOW, queue.device_area());
    write(VIRTIO_MMIO_QUEUE_READY, 1);
    return read(VIRTIO_MMIO_QUEUE_READY) == 1 ? Result<void>{} : Result<void>{Error{EIO}};
}

void MmioTransport::notify(uint16_t index) { write(VIRTIO_MMIO_QUEUE_NOTIFY, index); }

bool MmioTransport::holds(uint32_t offset, unsigned width) const {
    const uint64_t space = size_ - std::min<uint64_t>(size_, VIRTIO_MMIO_CONFIG);
    return offset <= space && width <= space - offset;
}

uint32_t MmioTransport::read_configuration(uint32_t offset, unsigned width) {
    return holds(offset, width) ? read_register(base_ + VIRTIO_MMIO_CONFIG + offset, width) : 0;
}

void MmioTransport::write_configuration(uint32_t offset, unsigned width, uint32_t value) {
    if (holds(offset, width)) write_register(base_ + VIRTIO_MMIO_CONFIG + offset, width, value);
}

uint32_t MmioTransport::configuration_generation() { return legacy_ ? 0 : read(VIRTIO_MMIO_CONFIG_GENERATION); }

Result<void> MmioTransport::connect_interrupt(uint16_t, unsigned cpu, unsigned vector) { return drivers::route_interrupt(line_, cpu, vector); }
void MmioTransport::disconnect_interrupt(uint16_t) { drivers::mask_interrupt(line_); }

// The line is high as long as a bit is set, and an edge comes with the first one only: so all of them are cleared.
Transport::Events MmioTransport::acknowledge(uint16_t) {
    uint32_t all = 0;
    constexpr int patience = 8;
    for (int i = 0; i < patience; ++i) {
        const uint32_t bits = read(VIRTIO_MMIO_INTERRUPT_STATUS);
        if (bits == 0) break;
        write(VIRTIO_MMIO_INTERRUPT_ACK, bits);
        all |= bits;
    }
    return {(all & VIRTIO_MMIO_INT_VRING) != 0, (all & VIRTIO_MMIO_INT_CONFIG) != 0};
}

}  // namespace eremite::virtio
