#include "vmm/fs/share.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <charconv>

#include "vmm/error.hpp"

namespace eremite::vmm::fs {

namespace {

constexpr uint64_t stay_beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

int openat2(int folder, const char* name, int flags, mode_t mode) {
    const open_how how{.flags = static_cast<uint32_t>(flags), .mode = mode, .resolve = stay_beneath};
    return static_cast<int>(::syscall(SYS_openat2, folder, name, &how, sizeof how));
}

UniqueFd open_or_throw(const std::string& what, const char* path, int flags) {
    UniqueFd opened{::open(path, flags | O_CLOEXEC)};
    if (!opened) throw system_error(what);
    return opened;
}

// Each file that the guest knows takes a descriptor, so the process asks for as many as it may have.
size_t most_descriptors() {
    constexpr rlim_t least = 64, most = 1 << 20;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return least;
    // Whoever may raises its own bound as well.
    const rlimit all{.rlim_cur = most, .rlim_max = std::max(most, limit.rlim_max)};
    if (::setrlimit(RLIMIT_NOFILE, &all) == 0) return most;
    const rlimit possible{.rlim_cur = std::min(limit.rlim_max, std::max(most, limit.rlim_cur)), .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &possible) == 0) limit = possible;
    return std::clamp(limit.rlim_cur, least, most);
}

// linux/kdev_t.h: device numbers of 32 bits, the minor ones in two parts.
uint32_t device_number(uint32_t major, uint32_t minor) { return (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12; }

}  // namespace

DescriptorName::DescriptorName(int descriptor) { std::to_chars(text_.data(), text_.data() + text_.size() - 1, descriptor); }

Share::Share(const std::string& path, bool is_read_only)
    : read_only{is_read_only},
      descriptors{open_or_throw("cannot share a folder without /proc", "/proc/self/fd", O_PATH | O_DIRECTORY)},
      folder{open_or_throw("cannot share " + path + ", which has to be a folder that you may read", path.c_str(), O_RDONLY | O_DIRECTORY)},
      inodes{UniqueFd{::openat(folder.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC)}, most_descriptors() / 8 * 7},
      handles{most_descriptors() / 16},
      is_root_{::geteuid() == 0},
      // Kernels before 5.6, and some containers, have it not.
      has_openat2_{UniqueFd{openat2(folder.get(), ".", O_PATH | O_CLOEXEC, 0)}} {}

Result<UniqueFd> Share::open_beneath(const Inode& in, const char* name, int flags, mode_t mode) const {
    flags |= O_NOFOLLOW | O_CLOEXEC;
    // A name is one component, and O_NOFOLLOW is about the last one: openat(2) leads nowhere else either.
    UniqueFd opened{has_openat2_ ? openat2(in.descriptor.get(), name, flags, mode) : ::openat(in.descriptor.get(), name, flags, mode)};
    if (!opened) return Error{errno};
    return opened;
}

Result<UniqueFd> Share::reopen(int descriptor, int flags) const {
    UniqueFd opened{::openat(descriptors.get(), DescriptorName{descriptor}.text(), flags | O_CLOEXEC)};
    if (!opened) return Error{errno};
    return opened;
}

Result<UniqueFd> Share::open(const Inode& inode, int flags) const {
    if (inode.type == S_IFLNK) return Error{ELOOP};
    if (inode.type != S_IFREG && inode.type != S_IFDIR) return Error{ENXIO};
    return reopen(inode.descriptor.get(), flags);
}

Result<Inodes::Known> Share::look_up(const Inode& in, const char* name) { return inodes.tell(TRY(open_beneath(in, name, O_PATH))); }

ActAs Share::act_for(const Request& request) const {
    if (!is_root_ || (request.user() == 0 && request.group() == 0)) return ActAs{};
    return ActAs{request.user(), request.group()};
}

fuse_attr attr_of(const Attributes& a) {
    fuse_attr attr{};
    attr.ino = a.stx_ino;
    attr.size = a.stx_size;
    attr.blocks = a.stx_blocks;
    attr.atime = static_cast<uint64_t>(a.stx_atime.tv_sec);
    attr.mtime = static_cast<uint64_t>(a.stx_mtime.tv_sec);
    attr.ctime = static_cast<uint64_t>(a.stx_ctime.tv_sec);
    attr.atimensec = a.stx_atime.tv_nsec;
    attr.mtimensec = a.stx_mtime.tv_nsec;
    attr.ctimensec = a.stx_ctime.tv_nsec;
    attr.mode = a.stx_mode;
    attr.nlink = a.stx_nlink;
    attr.uid = a.stx_uid;
    attr.gid = a.stx_gid;
    attr.rdev = device_number(a.stx_rdev_major, a.stx_rdev_minor);
    attr.blksize = a.stx_blksize;
    return attr;
}

fuse_entry_out entry_of(const Inodes::Known& known) {
    fuse_entry_out entry{};
    entry.nodeid = known.inode.number;
    entry.entry_valid = entry.attr_valid = valid_seconds;
    entry.attr = attr_of(known.attributes);
    return entry;
}

}  // namespace eremite::vmm::fs
