#pragma once
// Disks as block special files: /dev/vda and so on, in bytes.
#include <cstdint>

#include "libos/fs/file.hpp"

namespace eremite::fs::dev {

// Linux gives virtio disks a major number that nobody else has, most often this one, and sixteen minor numbers each.
inline constexpr uint32_t disk_major = 254, disk_minors = 16;

// ENXIO: there is no disk of this number; EBUSY: a volume on it is mounted.
[[nodiscard]] Result<Ref<File>> open_disk(Ref<Inode> node, uint32_t flags, uint64_t device_number);

// Starts the machine's disks and makes their nodes in the directory. ENOMEM.
[[nodiscard]] Result<void> add_disks(Inode& directory);

}  // namespace eremite::fs::dev
