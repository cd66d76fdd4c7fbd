#include "libos/init/mounts/mounts.hpp"

#include "libos/drivers/virtio_share.hpp"
#include "libos/fs/fuse/file_system.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/ninep/file_system.hpp"
#include "libos/fs/page_cache/flusher.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

namespace {

// A file system for good, like its device.
template <typename FileSystem>
Result<Ref<fs::Inode>> start(fs::remote::Transport& transport, bool cached) {
    auto* const file_system = new (std::nothrow) FileSystem{transport};
    if (!file_system) return Error{ENOMEM};
    file_system->set_cached(cached);
    return file_system->start();
}

Result<void> mount_folder(const fs::Context& context, const MountArgument& argument) {
    const drivers::Share share = TRY(drivers::claim_virtio_share(argument.tag, argument.patience));
    const bool fuse = share.protocol == drivers::ShareProtocol::Fuse;
    Ref<fs::Inode> root = TRY(fuse ? start<fs::fuse::FileSystem>(*share.transport, !argument.uncached)
                                   : start<fs::ninep::FileSystem>(*share.transport, !argument.uncached));
    if (!argument.uncached) TRY(fs::page_cache::start_flusher());
    return fs::mount(context, argument.path, std::move(root), {.read_only = argument.read_only, .create_point = true},
                     fuse ? "virtiofs" : "9p", argument.tag);
}

std::string_view explain(int code) {
    switch (code) {
        case ENODEV: return "the machine has no 9p or virtio-fs device with this tag";
        case EBUSY: return "it is mounted already";
        case ENOTSUP: return "the device speaks neither 9P2000.L nor FUSE 7.31";
        case EIO: return "the device does not work";
        case ENOTDIR: return "a file is in the way";
        case ENOMEM:
        case ENOSPC: return "too little memory";
        default: return "it is refused";
    }
}

}  // namespace

Result<void> mount_folders(const fs::Context& context, std::span<const MountArgument> arguments) {
    for (const MountArgument& argument : arguments) {
        const auto mounted = mount_folder(context, argument);
        if (mounted.ok()) continue;
        log::error("{} cannot be mounted at {}: {} (error {})", argument.tag, argument.path, explain(mounted.code()), mounted.code());
        return mounted;
    }
    return {};
}

}  // namespace eremite::init
