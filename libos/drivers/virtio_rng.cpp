#include "libos/drivers/virtio_rng.hpp"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#define VIRTIO_RING_NO_LEGACY  // its inline functions are not C++
#include <linux/virtio_ring.h>

#include <cstring>

#include "libos/arch/cpu.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::drivers {

#ifdef EREMITE_VIRTIO_RNG

namespace {

// QEMU's microvm: 512 bytes a device, 24 of them at most.
constexpr PhysicalAddress first_device{0xfeb00000};
constexpr uint64_t device_stride = 512;
constexpr unsigned device_count = 24;
constexpr uint32_t magic = 0x74726976;  // "virt"
constexpr uint32_t modern_version = 2;

// Registers of a device on the MMIO transport (virtio 1.2 section 4.2.2).
class Registers {
public:
    explicit Registers(PhysicalAddress base) : base_{direct_map(base)} {}
    [[nodiscard]] uint32_t read(uint32_t offset) const { return *at(offset); }
    void write(uint32_t offset, uint32_t value) const { *at(offset) = value; }
    void write_address(uint32_t low, PhysicalAddress address) const {
        write(low, static_cast<uint32_t>(address.value));
        write(low + 4, static_cast<uint32_t>(address.value >> 32));
    }

private:
    // SAFETY: init mapped the devices' pages uncached at the direct map.
    [[nodiscard]] volatile uint32_t* at(uint32_t offset) const { return reinterpret_cast<volatile uint32_t*>(base_.value + offset); }

    VirtualAddress base_;
};

// One page holds the ring of one descriptor and the buffer.
constexpr uint32_t ring_size = 1;
constexpr uint64_t available_at = 64, used_at = 128, buffer_at = 256, buffer_size = 256;

bool negotiate(const Registers& device) {
    device.write(VIRTIO_MMIO_STATUS, 0);
    device.write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    device.write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    device.write(VIRTIO_MMIO_DRIVER_FEATURES, 0);
    device.write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    device.write(VIRTIO_MMIO_DRIVER_FEATURES, 1u << (VIRTIO_F_VERSION_1 - 32));
    device.write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    return device.read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

// Asks once and polls for the answer: at boot there is nothing else to do.
Result<void> request(const Registers& device, PhysicalAddress page, std::span<uint8_t> bytes) {
    // SAFETY: the page is ours until the device is reset, and the ring's parts do not overlap.
    auto* memory = direct_map(page).as<uint8_t>();
    std::memset(memory, 0, buffer_at);
    auto* descriptor = reinterpret_cast<vring_desc*>(memory);
    auto* available = reinterpret_cast<vring_avail*>(memory + available_at);
    auto* used = reinterpret_cast<volatile vring_used*>(memory + used_at);
    *descriptor = {page.value + buffer_at, static_cast<uint32_t>(bytes.size()), VRING_DESC_F_WRITE, 0};
    available->flags = VRING_AVAIL_F_NO_INTERRUPT;
    available->idx = 1;

    device.write(VIRTIO_MMIO_QUEUE_SEL, 0);
    device.write(VIRTIO_MMIO_QUEUE_NUM, ring_size);
    device.write_address(VIRTIO_MMIO_QUEUE_DESC_LOW, page);
    device.write_address(VIRTIO_MMIO_QUEUE_AVAIL_LOW, page + available_at);
    device.write_address(VIRTIO_MMIO_QUEUE_USED_LOW, page + used_at);
    device.write(VIRTIO_MMIO_QUEUE_READY, 1);
    device.write(VIRTIO_MMIO_STATUS,
                 VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
    device.write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);

    constexpr uint64_t patience = uint64_t{5} << 30;  // ticks: a second or two
    const uint64_t start = arch::cycle_counter();
    while (used->idx != 1) {
        if (arch::cycle_counter() - start > patience) return Error{EIO};
        __builtin_ia32_pause();
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (used->ring[0].len != bytes.size()) return Error{EIO};
    std::memcpy(bytes.data(), memory + buffer_at, bytes.size());
    return {};
}

}  // namespace

Result<void> read_virtio_entropy(std::span<uint8_t> bytes) {
    if (bytes.size() > buffer_size) return Error{EINVAL};
    for (unsigned i = 0; i < device_count; ++i) {
        const Registers device{first_device + i * device_stride};
        if (device.read(VIRTIO_MMIO_MAGIC_VALUE) != magic || device.read(VIRTIO_MMIO_VERSION) != modern_version) continue;
        if (device.read(VIRTIO_MMIO_DEVICE_ID) != VIRTIO_ID_RNG || !negotiate(device)) continue;
        const PhysicalAddress page = TRY(mm::page_allocator().allocate(0));
        const Result<void> done = request(device, page, bytes);
        // Reset before the page goes back, so that the device forgets it.
        device.write(VIRTIO_MMIO_STATUS, 0);
        std::memset(direct_map(page).as<uint8_t>() + buffer_at, 0, buffer_size);
        mm::page_allocator().free(page, 0);
        return done;
    }
    return Error{ENODEV};
}

#else

Result<void> read_virtio_entropy(std::span<uint8_t>) { return Error{ENODEV}; }

#endif

}  // namespace eremite::drivers
