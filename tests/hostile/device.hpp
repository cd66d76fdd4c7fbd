#pragma once
// The driver's side of a device (virtio 1.2 section 4.2), as far as malice needs it: each step can be left out or done wrongly.
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#define VIRTIO_RING_NO_LEGACY  // its inline functions are not C++
#include <linux/virtio_ring.h>

#include <span>

#include "machine.hpp"

namespace eremite::hostile {

struct Segment {
    uint64_t address;
    uint32_t length;
    bool writable;
};

struct Device {
    uint64_t address = 0;
    uint32_t type = 0;

    [[nodiscard]] uint32_t get(uint32_t offset) const { return at<uint32_t>(address + offset); }
    void set(uint32_t offset, uint32_t value) const { at<uint32_t>(address + offset) = value; }
    void reset() const { set(VIRTIO_MMIO_STATUS, 0); }
    // Accepts those of the offered features.
    void negotiate(uint64_t features) const;
    void set_queue(uint32_t index, uint32_t size, uint64_t descriptors, uint64_t driver, uint64_t device) const;
    void go() const { set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK); }
    void notify(uint32_t queue) const { set(VIRTIO_MMIO_QUEUE_NOTIFY, queue); }
    [[nodiscard]] bool works() const { return (get(VIRTIO_MMIO_STATUS) & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET)) == VIRTIO_CONFIG_S_DRIVER_OK; }
    [[nodiscard]] bool needs_reset() const { return (get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0; }
};

// All that the machine has, in the order of their addresses.
[[nodiscard]] std::span<const Device> devices();

// A queue in proper form, for requests whose contents are the malice.
class Ring {
public:
    static constexpr uint32_t size = 64;
    // Its three parts stand in 16 KiB from `memory` on.
    Ring(const Device& device, uint32_t index, uint64_t memory) : device_{device}, index_{index}, memory_{memory} {}
    // Before the driver goes.
    void set_up();
    // Gives a request, and does not wait.
    void offer(std::span<const Segment> segments);
    // Waits until the device has used all. False: it takes too long.
    [[nodiscard]] bool wait() const;
    // What the device says of the last one's length.
    [[nodiscard]] uint32_t last_length() const;

private:
    [[nodiscard]] uint64_t driver_area() const { return memory_ + 4096; }
    [[nodiscard]] uint64_t device_area() const { return memory_ + 8192; }

    const Device& device_;
    uint32_t index_;
    uint64_t memory_;
    uint16_t offered_ = 0;
    uint32_t next_descriptor_ = 0;
};

}  // namespace eremite::hostile
