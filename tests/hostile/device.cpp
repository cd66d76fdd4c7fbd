#include "device.hpp"

namespace eremite::hostile {

namespace {

constexpr uint32_t magic = 0x74726976;
Device found[most_devices];
size_t count = 0;

}  // namespace

std::span<const Device> devices() {
    for (size_t i = 0; count == i && i < most_devices; ++i) {
        const Device device{devices_at + i * device_size, at<uint32_t>(devices_at + i * device_size + VIRTIO_MMIO_DEVICE_ID)};
        if (device.get(VIRTIO_MMIO_MAGIC_VALUE) != magic) break;
        found[count++] = device;
    }
    return {found, count};
}

void Device::negotiate(uint64_t features) const {
    set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    for (uint32_t half = 0; half < 2; ++half) {
        set(VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
        set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
        set(VIRTIO_MMIO_DRIVER_FEATURES, get(VIRTIO_MMIO_DEVICE_FEATURES) & static_cast<uint32_t>(features >> (32 * half)));
    }
    set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
}

void Device::set_queue(uint32_t index, uint32_t size, uint64_t descriptors, uint64_t driver, uint64_t device) const {
    set(VIRTIO_MMIO_QUEUE_SEL, index);
    set(VIRTIO_MMIO_QUEUE_NUM, size);
    set(VIRTIO_MMIO_QUEUE_DESC_LOW, static_cast<uint32_t>(descriptors));
    set(VIRTIO_MMIO_QUEUE_DESC_HIGH, static_cast<uint32_t>(descriptors >> 32));
    set(VIRTIO_MMIO_QUEUE_AVAIL_LOW, static_cast<uint32_t>(driver));
    set(VIRTIO_MMIO_QUEUE_AVAIL_HIGH, static_cast<uint32_t>(driver >> 32));
    set(VIRTIO_MMIO_QUEUE_USED_LOW, static_cast<uint32_t>(device));
    set(VIRTIO_MMIO_QUEUE_USED_HIGH, static_cast<uint32_t>(device >> 32));
    set(VIRTIO_MMIO_QUEUE_READY, 1);
}

void Ring::set_up() {
    for (uint64_t word = memory_; word < memory_ + 16384; word += 8) at<uint64_t>(word) = 0;
    offered_ = 0;
    next_descriptor_ = 0;
    device_.set_queue(index_, size, memory_, driver_area(), device_area());
}

void Ring::offer(std::span<const Segment> segments) {
    const uint32_t head = next_descriptor_;
    for (size_t i = 0; i < segments.size(); ++i) {
        const uint64_t place = memory_ + sizeof(vring_desc) * next_descriptor_;
        next_descriptor_ = (next_descriptor_ + 1) % size;
        const bool last = i + 1 == segments.size();
        at<uint64_t>(place) = segments[i].address;
        at<uint32_t>(place + 8) = segments[i].length;
        at<uint16_t>(place + 12) = static_cast<uint16_t>((segments[i].writable ? VRING_DESC_F_WRITE : 0) | (last ? 0 : VRING_DESC_F_NEXT));
        at<uint16_t>(place + 14) = static_cast<uint16_t>(next_descriptor_);
    }
    at<uint16_t>(driver_area() + 4 + 2 * (offered_ % size)) = static_cast<uint16_t>(head);
    // x86 keeps the order of writes.
    at<uint16_t>(driver_area() + 2) = ++offered_;
    device_.notify(index_);
}

bool Ring::wait() const {
    constexpr unsigned look_at_status = 1 << 14, most = 1 << 19;
    for (unsigned i = 1; i < most; ++i) {
        if (at<uint16_t>(device_area() + 2) == offered_) return true;
        // The other processor may have reset it.
        if (i % look_at_status == 0 && !device_.works()) return false;
        asm volatile("pause");
    }
    return false;
}

uint32_t Ring::last_length() const { return at<uint32_t>(device_area() + 4 + 8 * ((offered_ - 1U) % size) + 4); }

}  // namespace eremite::hostile
