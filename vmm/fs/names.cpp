// Names in folders: looking up, making, removing, moving.
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include <array>

#include "vmm/fs/operations.hpp"

namespace eremite::vmm::fs::operations {

namespace {

constexpr uint32_t permission_bits = 07777;

// A file that the guest made: what it is told of it.
Result<void> tell(Share& share, const Inode& folder, const char* name, Reply& reply) {
    reply.put(entry_of(TRY(share.look_up(folder, name))));
    return {};
}

Result<void> rename_by(Share& share, Request& request, uint64_t new_folder, unsigned flags) {
    const char* const from = TRY(request.name());
    const char* const to = TRY(request.name());
    const Inode& source = *TRY(share.inodes.find(request.node()));
    const Inode& target = *TRY(share.inodes.find(new_folder));
    // What is called so now and is moved, replaced or exchanged.
    TRY(share.inodes.prepare_to_unname({source.number, from}));
    TRY(share.inodes.prepare_to_unname({target.number, to}));
    TRY(done(::renameat2(source.descriptor.get(), from, target.descriptor.get(), to, flags)));
    share.inodes.moved({target.number, to});
    if ((flags & RENAME_EXCHANGE) != 0) share.inodes.moved({source.number, from});
    return {};
}

Result<void> remove(Share& share, Request& request, int flags) {
    const char* const name = TRY(request.name());
    const Inode& folder = *TRY(share.inodes.find(request.node()));
    // The guest may have it open, or know it by another name.
    TRY(share.inodes.prepare_to_unname({folder.number, name}));
    return done(::unlinkat(folder.descriptor.get(), name, flags));
}

}  // namespace

Result<void> lookup(Share& share, Request& request, Reply& reply) {
    const char* const name = TRY(request.name());
    return tell(share, *TRY(share.inodes.find(request.node())), name, reply);
}

Result<void> forget(Share& share, Request& request, Reply&) {
    share.inodes.forget(request.node(), request.take<fuse_forget_in>().nlookup);
    return {};
}

Result<void> batch_forget(Share& share, Request& request, Reply&) {
    const auto in = request.take<fuse_batch_forget_in>();
    for (uint32_t i = 0; i < in.count && request.left() >= sizeof(fuse_forget_one); ++i) {
        const auto one = request.take<fuse_forget_one>();
        share.inodes.forget(one.nodeid, one.nlookup);
    }
    return {};
}

Result<void> make_node(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_mknod_in>();
    const char* const name = TRY(request.name());
    const Inode& folder = *TRY(share.inodes.find(request.node()));
    TRY(share.inodes.check_room());
    // As device_number() in share.cpp.
    const dev_t device = makedev(in.rdev >> 8 & 0xfff, (in.rdev & 0xff) | (in.rdev >> 12 & 0xfff00));
    {
        const ActAs as = share.act_for(request);
        TRY(as.check());
        TRY(done(::mknodat(folder.descriptor.get(), name, in.mode & ~(in.umask & permission_bits), device)));
    }
    return tell(share, folder, name, reply);
}

Result<void> make_folder(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_mkdir_in>();
    const char* const name = TRY(request.name());
    const Inode& folder = *TRY(share.inodes.find(request.node()));
    TRY(share.inodes.check_room());
    {
        const ActAs as = share.act_for(request);
        TRY(as.check());
        TRY(done(::mkdirat(folder.descriptor.get(), name, in.mode & ~in.umask & permission_bits)));
    }
    return tell(share, folder, name, reply);
}

Result<void> make_symbolic_link(Share& share, Request& request, Reply& reply) {
    const char* const name = TRY(request.name());
    const char* const target = TRY(request.text());
    const Inode& folder = *TRY(share.inodes.find(request.node()));
    TRY(share.inodes.check_room());
    {
        const ActAs as = share.act_for(request);
        TRY(as.check());
        TRY(done(::symlinkat(target, folder.descriptor.get(), name)));
    }
    return tell(share, folder, name, reply);
}

Result<void> link(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_link_in>();
    const char* const name = TRY(request.name());
    const Inode& folder = *TRY(share.inodes.find(request.node()));
    const Inode& file = *TRY(share.inodes.find(in.oldnodeid));
    // The link that is followed is that of /proc, and none that may come behind it.
    const DescriptorName descriptor{file.descriptor.get()};
    TRY(done(::linkat(share.descriptors.get(), descriptor.text(), folder.descriptor.get(), name, AT_SYMLINK_FOLLOW)));
    return tell(share, folder, name, reply);
}

Result<void> unlink(Share& share, Request& request, Reply&) { return remove(share, request, 0); }
Result<void> remove_folder(Share& share, Request& request, Reply&) { return remove(share, request, AT_REMOVEDIR); }

Result<void> rename(Share& share, Request& request, Reply&) {
    const auto in = request.take<fuse_rename_in>();
    return rename_by(share, request, in.newdir, 0);
}

Result<void> rename2(Share& share, Request& request, Reply&) {
    const auto in = request.take<fuse_rename2_in>();
    return rename_by(share, request, in.newdir, in.flags);
}

Result<void> read_link(Share& share, Request& request, Reply& reply) {
    const Inode& inode = *TRY(share.inodes.find(request.node()));
    if (inode.type != S_IFLNK) return Error{EINVAL};
    std::array<std::byte, PATH_MAX> target;
    // SAFETY: bytes as characters.
    const size_t size = TRY(checked(::readlinkat(inode.descriptor.get(), "", reinterpret_cast<char*>(target.data()), target.size())));
    if (size > reply.room()) return Error{E2BIG};
    reply.put_bytes(std::span{target}.first(size));
    return {};
}

}  // namespace eremite::vmm::fs::operations
