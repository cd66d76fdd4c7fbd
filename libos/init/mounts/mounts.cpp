#include "libos/init/mounts/mounts.hpp"

#include "libos/fs/mount.hpp"
#include "libos/init/mounts/sources.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

namespace {

bool is_elsewhere(int code) { return code == ENODEV || code == ENOSYS; }

// EXDEV stands for a tag that nothing has, where a component is missing that might know it.
Result<MountSource> open(const MountArgument& argument) {
    auto volume = open_volume(argument);
    if (!is_elsewhere(volume.code())) return volume;
    auto folder = open_folder(argument);
    if (!is_elsewhere(folder.code())) return folder;
    return Error{volume.code() == folder.code() ? folder.code() : EXDEV};
}

Result<void> mount(const fs::Context& context, const MountArgument& argument) {
    MountSource source = TRY(open(argument));
    return fs::mount(context, argument.path, std::move(source.root), {.read_only = argument.read_only, .create_point = true}, source.type,
                     argument.tag);
}

std::string_view explain(int code) {
    switch (code) {
        case ENODEV: return "the machine has no 9p or virtio-fs device with this tag, nor a disk with this serial number";
        case ENOSYS: return "this image was linked without the component share, and without volume";
        case EXDEV: return "no device has this tag, and this image was linked without the component share, or without volume";
        case EBUSY: return "it is mounted already";
        case ENOTSUP: return "the device speaks neither 9P2000.L nor FUSE 7.31, or the volume has features that are not known";
        case EUCLEAN: return "there is no ext4 volume, or it is damaged: see e2fsck(8)";
        case EROFS: return "its journal has to be replayed, which writes: mount it once without :ro";
        case EIO: return "the device does not work";
        case ENOTDIR: return "a file is in the way";
        case ENOMEM:
        case ENOSPC: return "too little memory";
        default: return "it is refused";
    }
}

}  // namespace

Result<void> mount_arguments(const fs::Context& context, std::span<const MountArgument> arguments) {
    for (const MountArgument& argument : arguments) {
        const auto mounted = mount(context, argument);
        if (mounted.ok()) continue;
        log::error("{} cannot be mounted at {}: {} (error {})", argument.tag, argument.path, explain(mounted.code()), mounted.code());
        return mounted;
    }
    return {};
}

}  // namespace eremite::init
