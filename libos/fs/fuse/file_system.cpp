#include "libos/fs/fuse/file_system.hpp"

#include <algorithm>

#include "libos/fs/fuse/directory.hpp"
#include "libos/fs/page_cache/memory.hpp"

namespace eremite::fs::fuse {

namespace {

constexpr uint64_t magic = 0x65735546;  // of statfs(2): FUSE_SUPER_MAGIC

}  // namespace

Result<Ref<Inode>> FileSystem::start() {
    constexpr size_t largest_transfer = 1 << 20;
    TRY(client_.start(transfer_size(largest_transfer)));
    TRY(prepare(client_.io_unit(), client_.most_data_segments()));
    Ref<NodeId> id = TRY(make_ref<NodeId>(client_, uint64_t{FUSE_ROOT_ID}));
    const auto out = TRY(client_.call<fuse_attr_out>({FUSE_GETATTR, FUSE_ROOT_ID, fuse_getattr_in{}}));
    if (!S_ISDIR(out.attr.mode)) return Error{ENOTDIR};
    Ref<Directory> root = TRY(make_ref<Directory>(*this, remote::Identity{FUSE_ROOT_ID, 0}, std::move(id)));
    const sync::Guard guard{lock()};
    insert(*root);
    return Ref<Inode>{std::move(root)};
}

Result<FileSystemStatus> FileSystem::status() {
    const fuse_kstatfs st = TRY(client_.call<fuse_statfs_out>({FUSE_STATFS, FUSE_ROOT_ID})).st;
    FileSystemStatus status;
    status.magic = magic;
    status.block_size = st.frsize ? st.frsize : st.bsize;
    status.blocks = st.blocks;
    status.free_blocks = st.bavail;
    status.files = st.files;
    status.free_files = st.ffree;
    status.name_maximum = std::min(st.namelen, 255u);
    status.identifier = device();
    return status;
}

Result<void> FileSystem::synchronize() {
    const auto written = write_back_all(*this);
    const auto done = client_.call({FUSE_SYNCFS, FUSE_ROOT_ID, fuse_syncfs_in{}});
    if (!written.ok()) return Error{written.code()};
    return done.code() == ENOSYS ? Result<void>{} : done;
}

}  // namespace eremite::fs::fuse
