#include "libos/syscall/file_stat.hpp"

#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr int64_t second = 1'000'000'000;

// Times before 1970 have negative seconds but never negative nanoseconds.
timespec timespec_of(int64_t time) {
    int64_t seconds = time / second;
    int64_t rest = time % second;
    if (rest < 0) {
        --seconds;
        rest += second;
    }
    return {seconds, rest};
}

statx_timestamp statx_time_of(int64_t time) {
    const timespec t = timespec_of(time);
    statx_timestamp result{};
    result.tv_sec = t.tv_sec;
    result.tv_nsec = static_cast<uint32_t>(t.tv_nsec);
    return result;
}

Result<long> store_stat(VirtualAddress buffer, const fs::Attributes& a) {
    // glibc's structure is the kernel's on 64-bit machines.
    struct stat s {};
    s.st_dev = a.device;
    s.st_ino = a.inode;
    s.st_nlink = a.links;
    s.st_mode = a.mode;
    s.st_uid = a.uid;
    s.st_gid = a.gid;
    s.st_rdev = a.device_number;
    s.st_size = static_cast<off_t>(a.size);
    s.st_blksize = static_cast<blksize_t>(a.block_size);
    s.st_blocks = static_cast<blkcnt_t>(a.blocks);
    s.st_atim = timespec_of(a.access_time);
    s.st_mtim = timespec_of(a.modification_time);
    s.st_ctim = timespec_of(a.change_time);
    TRY(mm::copy_to_user(buffer, &s, sizeof s));
    return 0L;
}

// What a call names: an open file or an inode.
struct Named {
    Ref<fs::File> file;
    Ref<fs::Inode> path_inode;
    [[nodiscard]] Result<fs::Attributes> attributes() const { return file ? file->attributes() : path_inode->attributes(); }
    // Null for files that are in no file system.
    [[nodiscard]] const fs::Inode* inode() const { return file ? file->inode() : path_inode.get(); }
};

// For the *at calls, where an empty path names the descriptor itself.
Result<Named> named_at(int directory, VirtualAddress path, int flags) {
    PathArgument argument;
    const std::string_view text = TRY(argument.load(path));
    if (text.empty() && (flags & AT_EMPTY_PATH) != 0 && directory != AT_FDCWD) {
        return Named{TRY(get_file_or_path(directory)), nullptr};
    }
    Ref<fs::Inode> start = TRY(start_of(directory, text));
    if (text.empty() && (flags & AT_EMPTY_PATH) != 0) return Named{nullptr, std::move(start)};
    Ref<fs::Inode> inode = TRY(fs::find(process::current().fs(), start, text, {.follow_last = (flags & AT_SYMLINK_NOFOLLOW) == 0}));
    return Named{nullptr, std::move(inode)};
}

Result<long> store_statfs(VirtualAddress buffer, fs::FileSystem& file_system) {
    const fs::FileSystemStatus status = TRY(file_system.status());
    struct statfs s {};
    s.f_type = static_cast<decltype(s.f_type)>(status.magic);
    s.f_bsize = static_cast<decltype(s.f_bsize)>(status.block_size);
    s.f_blocks = status.blocks;
    s.f_bfree = status.free_blocks;
    s.f_bavail = status.free_blocks;
    s.f_files = status.files;
    s.f_ffree = status.free_files;
    s.f_fsid.__val[0] = static_cast<int>(status.identifier);
    s.f_namelen = status.name_maximum;
    s.f_frsize = s.f_bsize;
    constexpr int flags_valid = 0x20;  // ST_VALID of Linux: f_flags means something
    s.f_flags = flags_valid | (file_system.read_only() ? ST_RDONLY : 0);
    TRY(mm::copy_to_user(buffer, &s, sizeof s));
    return 0L;
}

}  // namespace

Result<long> sys_stat(VirtualAddress path, VirtualAddress buffer) { return sys_newfstatat(AT_FDCWD, path, buffer, 0); }

Result<long> sys_lstat(VirtualAddress path, VirtualAddress buffer) { return sys_newfstatat(AT_FDCWD, path, buffer, AT_SYMLINK_NOFOLLOW); }

Result<long> sys_fstat(int descriptor, VirtualAddress buffer) {
    const Ref<fs::File> file = TRY(get_file_or_path(descriptor));
    return store_stat(buffer, TRY(file->attributes()));
}

Result<long> sys_newfstatat(int directory, VirtualAddress path, VirtualAddress buffer, int flags) {
    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) != 0) return Error{EINVAL};
    if ((flags & AT_EMPTY_PATH) != 0) {
        // This is how the C library calls fstat(2).
        if (directory != AT_FDCWD && TRY(mm::UserPtr<char>{path}.load()) == 0) return sys_fstat(directory, buffer);
        return store_stat(buffer, TRY(TRY(named_at(directory, path, flags)).attributes()));
    }
    return store_stat(buffer, TRY(TRY(find_at(directory, path, flags))->attributes()));
}

Result<long> sys_statx(int directory, VirtualAddress path, int flags, uint32_t mask, VirtualAddress buffer) {
    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) != 0) return Error{EINVAL};
    if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || (mask & STATX__RESERVED) != 0) return Error{EINVAL};
    const Named named = TRY(named_at(directory, path, flags));
    const fs::Attributes a = TRY(named.attributes());
    struct statx s {};
    s.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
    const fs::Inode* const inode = named.inode();
    if (inode && (inode->is_mounted_root() || inode == process::current().fs().root().get())) s.stx_attributes = STATX_ATTR_MOUNT_ROOT;
    s.stx_mask = STATX_BASIC_STATS | (a.birth_time != 0 ? STATX_BTIME : 0);
    s.stx_blksize = a.block_size;
    s.stx_nlink = a.links;
    s.stx_uid = a.uid;
    s.stx_gid = a.gid;
    s.stx_mode = static_cast<uint16_t>(a.mode);
    s.stx_ino = a.inode;
    s.stx_size = a.size;
    s.stx_blocks = a.blocks;
    s.stx_atime = statx_time_of(a.access_time);
    s.stx_btime = statx_time_of(a.birth_time);
    s.stx_ctime = statx_time_of(a.change_time);
    s.stx_mtime = statx_time_of(a.modification_time);
    s.stx_rdev_major = fs::major_of(a.device_number);
    s.stx_rdev_minor = fs::minor_of(a.device_number);
    s.stx_dev_major = fs::major_of(a.device);
    s.stx_dev_minor = fs::minor_of(a.device);
    TRY(mm::copy_to_user(buffer, &s, sizeof s));
    return 0L;
}

Result<long> sys_access(VirtualAddress path, int mode) { return sys_faccessat2(AT_FDCWD, path, mode, 0); }

Result<long> sys_faccessat(int directory, VirtualAddress path, int mode) { return sys_faccessat2(directory, path, mode, 0); }

// The program is root, to whom everything is allowed but executing what nobody may execute (capabilities(7), CAP_DAC_OVERRIDE).
Result<long> sys_faccessat2(int directory, VirtualAddress path, int mode, int flags) {
    if ((mode & ~(R_OK | W_OK | X_OK)) != 0 || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return Error{EINVAL};
    const Named named = TRY(named_at(directory, path, flags));
    const fs::Attributes a = TRY(named.attributes());
    const bool executable = (a.mode & S_IFMT) == S_IFDIR || (a.mode & 0111) != 0;
    if ((mode & X_OK) != 0 && !executable) return Error{EACCES};
    const uint32_t type = a.mode & S_IFMT;
    if ((mode & W_OK) != 0 && (type == S_IFREG || type == S_IFDIR) && named.inode()) TRY(may_change(*named.inode()));
    return 0L;
}

Result<long> sys_readlink(VirtualAddress path, VirtualAddress buffer, int size) { return sys_readlinkat(AT_FDCWD, path, buffer, size); }

Result<long> sys_readlinkat(int directory, VirtualAddress path, VirtualAddress buffer, int size) {
    if (size <= 0) return Error{EINVAL};
    PathArgument argument;
    const std::string_view text = TRY(argument.load(path));
    const Ref<fs::Inode> start = TRY(start_of(directory, text));
    Ref<fs::Inode> inode = start;
    // An empty path reads the link that an O_PATH descriptor names; no descriptor, no file.
    if (!text.empty() || directory == AT_FDCWD) inode = TRY(fs::find(process::current().fs(), start, text, {.follow_last = false}));
    if (inode->type() != fs::FileType::SymbolicLink) return Error{text.empty() ? ENOENT : EINVAL};
    const std::string_view target = TRY(inode->link_target());
    const size_t length = std::min(target.size(), static_cast<size_t>(size));
    TRY(mm::copy_to_user(buffer, target.data(), length));
    return static_cast<long>(length);
}

Result<long> sys_statfs(VirtualAddress path, VirtualAddress buffer) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, 0));
    return store_statfs(buffer, inode->file_system());
}

Result<long> sys_fstatfs(int descriptor, VirtualAddress buffer) {
    const Ref<fs::File> file = TRY(get_file_or_path(descriptor));
    const Ref<fs::Inode> inode = TRY(inode_of(*file, Error{ENOSYS}));
    return store_statfs(buffer, inode->file_system());
}

}  // namespace eremite::syscall
