#include <new>

#include "libos/drivers/virtio_share.hpp"
#include "libos/fs/fuse/file_system.hpp"
#include "libos/fs/ninep/file_system.hpp"
#include "libos/fs/page_cache/flusher.hpp"
#include "libos/init/mounts/sources.hpp"

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

}  // namespace

Result<MountSource> open_folder(const MountArgument& argument) {
    const drivers::Share share = TRY(drivers::claim_virtio_share(argument.tag, argument.patience));
    const bool fuse = share.protocol == drivers::ShareProtocol::Fuse;
    Ref<fs::Inode> root = TRY(fuse ? start<fs::fuse::FileSystem>(*share.transport, !argument.uncached)
                                   : start<fs::ninep::FileSystem>(*share.transport, !argument.uncached));
    if (!argument.uncached) TRY(fs::page_cache::start_flusher());
    return MountSource{std::move(root), fuse ? "virtiofs" : "9p"};
}

}  // namespace eremite::init
