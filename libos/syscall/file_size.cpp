#include "libos/syscall/file_size.hpp"

#include <linux/falloc.h>

#include "libos/fs/mount.hpp"
#include "libos/fs/notify/watch.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

Result<long> synchronize(int descriptor, bool data_only) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    const Ref<fs::Inode> inode = TRY(inode_of(*file, Error{EINVAL}));
    if (inode->type() != fs::FileType::Regular && inode->type() != fs::FileType::BlockDevice && !inode->is_directory()) return Error{EINVAL};
    TRY(file->synchronize(data_only));
    return 0L;
}

// Whether Linux knows such a mode of fallocate(2): one operation, with or without FALLOC_FL_KEEP_SIZE as it goes with it.
bool is_allocation(int mode) {
    const bool keep_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
    switch (mode & ~FALLOC_FL_KEEP_SIZE) {
        case 0:
        case FALLOC_FL_UNSHARE_RANGE:
        case FALLOC_FL_ZERO_RANGE: return true;
        case FALLOC_FL_PUNCH_HOLE: return keep_size;
        case FALLOC_FL_COLLAPSE_RANGE:
        case FALLOC_FL_INSERT_RANGE: return !keep_size;
        default: return false;
    }
}

}  // namespace

Result<long> sys_truncate(VirtualAddress path, int64_t length) {
    if (length < 0) return Error{EINVAL};
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, 0));
    if (inode->is_directory()) return Error{EISDIR};
    if (inode->type() != fs::FileType::Regular) return Error{EINVAL};
    TRY(may_change(*inode));
    TRY(inode->truncate(static_cast<uint64_t>(length)));
    fs::notify::tell(*inode, IN_MODIFY);
    return 0L;
}

Result<long> sys_ftruncate(int descriptor, int64_t length) {
    if (length < 0) return Error{EINVAL};
    const Ref<fs::File> file = TRY(get_file(descriptor));
    const Ref<fs::Inode> inode = TRY(inode_of(*file, Error{EINVAL}));
    if (inode->type() != fs::FileType::Regular || !file->writable()) return Error{EINVAL};
    TRY(inode->truncate(static_cast<uint64_t>(length)));
    fs::notify::tell(*inode, IN_MODIFY);
    return 0L;
}

Result<long> sys_fallocate(int descriptor, int mode, int64_t offset, int64_t length) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (offset < 0 || length <= 0) return Error{EINVAL};
    if (!is_allocation(mode)) return Error{EOPNOTSUPP};
    if (!file->writable()) return Error{EBADF};
    if (file->kind() == fs::FileKind::Pipe) return Error{ESPIPE};
    const Ref<fs::Inode> inode = TRY(inode_of(*file, Error{ENODEV}));
    if (inode->is_directory()) return Error{EISDIR};
    if (inode->type() != fs::FileType::Regular) return Error{ENODEV};
    int64_t end = 0;
    if (__builtin_add_overflow(offset, length, &end)) return Error{EFBIG};
    const bool keep_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
    fs::AllocateMode operation{};
    switch (mode & ~FALLOC_FL_KEEP_SIZE) {
        case 0: operation = fs::AllocateMode::Allocate; break;
        case FALLOC_FL_PUNCH_HOLE: operation = fs::AllocateMode::PunchHole; break;
        case FALLOC_FL_ZERO_RANGE: operation = fs::AllocateMode::ZeroRange; break;
        default: return Error{EOPNOTSUPP};  // no file system here moves or unshares bytes
    }
    TRY(inode->allocate(operation, static_cast<uint64_t>(offset), static_cast<uint64_t>(length), keep_size));
    fs::notify::tell(*inode, IN_MODIFY);
    return 0L;
}

// Linux reports no errors here; fsync() does.
Result<long> sys_sync() {
    (void)fs::synchronize_all();
    return 0L;
}

Result<long> sys_syncfs(int descriptor) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    const Ref<fs::Inode> inode = TRY(inode_of(*file, Error{EINVAL}));
    TRY(inode->file_system().synchronize());
    return 0L;
}

Result<long> sys_fsync(int descriptor) { return synchronize(descriptor, false); }

Result<long> sys_fdatasync(int descriptor) { return synchronize(descriptor, true); }

Result<long> sys_sync_file_range(int descriptor, int64_t offset, int64_t length, uint32_t flags) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    constexpr uint32_t known = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    int64_t end = 0;
    if ((flags & ~known) != 0 || offset < 0 || length < 0 || __builtin_add_overflow(offset, length, &end)) return Error{EINVAL};
    if (!file->positioned()) return Error{ESPIPE};
    const Ref<fs::Inode> inode = TRY(inode_of(*file, Error{ESPIPE}));
    TRY(file->synchronize(true));
    return 0L;
}

// All of a file in memory is already where advice could bring it.
Result<long> sys_fadvise64(int descriptor, int64_t, int64_t length, int advice) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    const fs::Inode* inode = file->inode();
    if (!inode || inode->type() == fs::FileType::Fifo) return Error{ESPIPE};
    if (length < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE) return Error{EINVAL};
    return 0L;
}

Result<long> sys_readahead(int descriptor, int64_t, size_t) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (!file->readable()) return Error{EBADF};
    const fs::Inode* inode = file->inode();
    if (!inode || inode->type() != fs::FileType::Regular) return Error{EINVAL};
    return 0L;
}

}  // namespace eremite::syscall
