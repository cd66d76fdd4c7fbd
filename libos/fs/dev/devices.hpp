#pragma once
// The device files of the system and /dev.
#include <span>
#include <string_view>

#include "libos/fs/file.hpp"
#include "libos/fs/ramfs/file_system.hpp"

namespace eremite::fs::dev {

// What opening a device node of this number means. ENXIO: there is no such device.
[[nodiscard]] Result<Ref<File>> open_device(Ref<Inode> node, uint32_t flags);

// Fills a fresh directory with the nodes and links of /dev. ENOMEM.
[[nodiscard]] Result<void> populate(Inode& directory);

// Where files without a name live: memfd_create, shared anonymous memory.
[[nodiscard]] ramfs::FileSystem& unnamed_files();

}  // namespace eremite::fs::dev
