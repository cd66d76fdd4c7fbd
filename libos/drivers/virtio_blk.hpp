#pragma once
// The virtio block device (virtio 1.2 section 5.2).
#include <string_view>

#include "base/result.hpp"
#include "libos/block/device.hpp"

namespace eremite::drivers {

// The disk whose serial number this is; it is the caller's from now on, for good. Disks that the machine has are started as they
// are looked at. ENODEV: there is none; EBUSY: somebody has it; errors of those that cannot be started, if it is not among the others.
[[nodiscard]] Result<block::Device*> claim_virtio_disk(std::string_view serial);

// Starts all disks; how many there are. Disk 0 is vda.
[[nodiscard]] size_t start_virtio_disks();
// A disk that was started. ENXIO: there is none; EBUSY: somebody claimed it.
[[nodiscard]] Result<block::Device*> virtio_disk(size_t index);

}  // namespace eremite::drivers
