// What files are like.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>

#include "vmm/fs/operations.hpp"

namespace eremite::vmm::fs::operations {

namespace {

constexpr uint32_t permission_bits = 07777;

Result<void> tell(const Inode& inode, Reply& reply) {
    fuse_attr_out out{};
    out.attr_valid = valid_seconds;
    out.attr = attr_of(TRY(attributes_of(inode.descriptor.get())));
    reply.put(out);
    return {};
}

timespec time_of(uint32_t valid, uint32_t wanted, uint32_t now, uint64_t seconds, uint32_t nanoseconds) {
    if ((valid & now) != 0) return {.tv_sec = 0, .tv_nsec = UTIME_NOW};
    if ((valid & wanted) == 0) return {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
    // Else some of them would have a meaning.
    return {.tv_sec = static_cast<time_t>(seconds), .tv_nsec = static_cast<long>(std::min(nanoseconds, 999'999'999u))};
}

}  // namespace

Result<void> get_attributes(Share& share, Request& request, Reply& reply) { return tell(*TRY(share.inodes.find(request.node())), reply); }

// In the order in which the later ones are not undone: a new owner takes set-user-ID away, a new size sets the time.
Result<void> set_attributes(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_setattr_in>();
    const Inode& inode = *TRY(share.inodes.find(request.node()));
    const int file = inode.descriptor.get();
    const DescriptorName name{file};
    if ((in.valid & (FATTR_UID | FATTR_GID)) != 0) {
        const uid_t user = (in.valid & FATTR_UID) != 0 ? in.uid : static_cast<uid_t>(-1);
        const gid_t group = (in.valid & FATTR_GID) != 0 ? in.gid : static_cast<gid_t>(-1);
        TRY(done(::fchownat(file, "", user, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)));
    }
    if ((in.valid & FATTR_MODE) != 0) TRY(done(::fchmodat(share.descriptors.get(), name.text(), in.mode & permission_bits, 0)));
    if ((in.valid & FATTR_SIZE) != 0) {
        if (in.size > INT64_MAX) return Error{EFBIG};
        if (inode.type == S_IFDIR) return Error{EISDIR};
        if (inode.type != S_IFREG) return Error{EINVAL};
        UniqueFd opened;
        if ((in.valid & FATTR_FH) == 0) opened = TRY(share.open(inode, O_WRONLY));
        const int writable = opened ? opened.get() : TRY(share.handles.file(in.fh));
        if ((in.valid & FATTR_KILL_SUIDGID) != 0) TRY(drop_set_ids(writable));
        TRY(done(::ftruncate(writable, static_cast<off_t>(in.size))));
    }
    if ((in.valid & (FATTR_ATIME | FATTR_MTIME | FATTR_ATIME_NOW | FATTR_MTIME_NOW)) != 0) {
        const std::array<timespec, 2> times{time_of(in.valid, FATTR_ATIME, FATTR_ATIME_NOW, in.atime, in.atimensec),
                                            time_of(in.valid, FATTR_MTIME, FATTR_MTIME_NOW, in.mtime, in.mtimensec)};
        TRY(done(::utimensat(share.descriptors.get(), name.text(), times.data(), 0)));
    }
    return tell(inode, reply);
}

Result<void> drop_set_ids(int file) {
    const uint32_t mode = TRY(attributes_of(file)).stx_mode;
    // Without the group's right to execute, set-group-ID means something else (inode(7)).
    const uint32_t dropped = S_ISUID | ((mode & S_IXGRP) != 0 ? S_ISGID : 0);
    return (mode & dropped) == 0 ? Result<void>{} : done(::fchmod(file, mode & permission_bits & ~dropped));
}

// By the permission bits, for the user and group of the request, of whom we do not know the other groups.
Result<void> access(Share& share, Request& request, Reply&) {
    const auto in = request.take<fuse_access_in>();
    const Inode& inode = *TRY(share.inodes.find(request.node()));
    const Attributes attributes = TRY(attributes_of(inode.descriptor.get()));
    if ((in.mask & ~uint32_t{R_OK | W_OK | X_OK}) != 0) return Error{EINVAL};
    if ((in.mask & W_OK) != 0 && share.read_only) return Error{EROFS};
    const uint32_t mode = attributes.stx_mode;
    if (request.user() == 0) {
        const bool executable = inode.type == S_IFDIR || (mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
        return (in.mask & X_OK) != 0 && !executable ? Result<void>{Error{EACCES}} : Result<void>{};
    }
    const unsigned shift = request.user() == attributes.stx_uid ? 6 : request.group() == attributes.stx_gid ? 3 : 0;
    return (mode >> shift & in.mask) == in.mask ? Result<void>{} : Error{EACCES};
}

Result<void> file_system_status(Share& share, Request& request, Reply& reply) {
    const Inode& inode = *TRY(share.inodes.find(request.node()));
    struct statvfs status {};
    TRY(done(::fstatvfs(inode.descriptor.get(), &status)));
    fuse_statfs_out out{};
    out.st.blocks = status.f_blocks;
    out.st.bfree = status.f_bfree;
    out.st.bavail = status.f_bavail;
    out.st.files = status.f_files;
    out.st.ffree = status.f_ffree;
    out.st.bsize = static_cast<uint32_t>(status.f_bsize);
    out.st.namelen = static_cast<uint32_t>(status.f_namemax);
    out.st.frsize = static_cast<uint32_t>(status.f_frsize);
    reply.put(out);
    return {};
}

}  // namespace eremite::vmm::fs::operations
