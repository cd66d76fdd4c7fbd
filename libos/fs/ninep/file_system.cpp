#include "libos/fs/ninep/file_system.hpp"

#include <linux/magic.h>

#include <algorithm>

#include "libos/fs/ninep/directory.hpp"

namespace eremite::fs::ninep {

Result<Ref<Inode>> FileSystem::start() {
    constexpr size_t largest_transfer = 512 << 10;
    TRY(client_.start(transfer_size(largest_transfer)));
    TRY(prepare(client_.io_unit(), client_.most_data_segments()));
    Client::Walked walked = TRY(client_.attach({}));
    if (!(walked.qid.type & Qid::directory)) return Error{ENOTDIR};
    Ref<Directory> root = TRY(make_ref<Directory>(*this, walked.qid));
    root_ = walked.fid;
    root->become_root(std::move(walked.fid));
    const sync::Guard guard{lock()};
    insert(*root);
    return Ref<Inode>{std::move(root)};
}

Result<FileSystemStatus> FileSystem::status() {
    const StatFs::Reply reply = TRY(client_.call(StatFs{root_->number()}));
    FileSystemStatus status;
    status.magic = V9FS_MAGIC;
    status.block_size = reply.block_size;
    status.blocks = reply.blocks;
    status.free_blocks = reply.available_blocks;
    status.files = reply.files;
    status.free_files = reply.free_files;
    status.name_maximum = std::min(reply.name_length, 255u);
    status.identifier = device();
    return status;
}

}  // namespace eremite::fs::ninep
