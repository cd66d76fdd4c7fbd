#pragma once
// What mount= finds behind a tag: each component that knows file systems opens those on its devices.
#include <string_view>

#include "libos/fs/inode.hpp"
#include "libos/init/kernel_arguments.hpp"

namespace eremite::init {

struct MountSource {
    Ref<fs::Inode> root;
    std::string_view type;  // as /proc/mounts shows it
};

// The folder of the host with this tag. ENODEV: there is none; ENOSYS: this image lacks the component; errors of the device, and ENOTSUP:
// it speaks no protocol that we know.
[[nodiscard]] Result<MountSource> open_folder(const MountArgument& argument);
// The volume on the disk whose serial number is the tag. Errors the same, and those of fs::ext4::Volume::mount.
[[nodiscard]] Result<MountSource> open_volume(const MountArgument& argument);
// Makes all volumes last and marks them clean. Waits for whoever is at work on one.
void close_volumes();

}  // namespace eremite::init
