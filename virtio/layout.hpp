#pragma once
// Where the parts of a virtqueue stand in the memory that driver and device share (virtio 1.2 sections 2.7 and 2.8).
#include <cstddef>
#include <cstdint>

#define VIRTIO_RING_NO_LEGACY  // its inline functions are not C++
#include <linux/virtio_ring.h>

#include "base/address.hpp"

namespace eremite::virtio {

struct QueueShape {
    uint16_t size = 0;               // descriptors; a power of two in a split ring, at most 32768
    uint16_t indirect_segments = 0;  // of a request that takes a single descriptor; 0: indirect descriptors are not negotiated
    bool packed = false;
    bool event_index = false;
    bool legacy = false;  // one piece, with the used ring on a page of its own (section 2.7.2), and lengths that may be wrong
};

// Offsets in one contiguous, page-aligned piece of zeroed memory; the descriptors stand at its start.
struct QueueLayout {
    size_t driver_area;  // the available ring, or the driver's event suppression
    size_t device_area;  // the used ring, or the device's event suppression
    size_t indirect;     // a table for each descriptor
    size_t bytes;
};

inline constexpr uint16_t largest_queue = 32768;
inline constexpr size_t descriptor_size = sizeof(vring_desc);
static_assert(descriptor_size == sizeof(vring_packed_desc));

[[nodiscard]] constexpr QueueLayout layout_of(const QueueShape& shape) {
    constexpr size_t cache_line = 64;
    const size_t size = shape.size;
    QueueLayout layout{};
    layout.driver_area = size * descriptor_size;
    const size_t driver_bytes = shape.packed ? sizeof(vring_packed_desc_event) : 2 * (3 + size);
    const size_t device_bytes = shape.packed ? sizeof(vring_packed_desc_event) : 2 * 3 + sizeof(vring_used_elem) * size;
    layout.device_area = align_up(layout.driver_area + driver_bytes, shape.legacy ? page_size : cache_line);
    layout.indirect = align_up(layout.device_area + device_bytes, cache_line);
    layout.bytes = layout.indirect + size * shape.indirect_segments * descriptor_size;
    return layout;
}

}  // namespace eremite::virtio
