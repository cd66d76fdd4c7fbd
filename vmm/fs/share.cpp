#include "vmm/fs/share.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "vmm/error.hpp"

namespace eremite::vmm::fs {

namespace {

// How many files the guest can know, each of which takes some hundred bytes here; and how many of them have a descriptor. Others are for files that are
// open, and for other devices.
constexpr size_t most_inodes = 1 << 20, most_descriptors = 1 << 16;

// Calls `open`, and once more if the process has no descriptors left and those of some files can be closed.
template <typename Open>
Result<UniqueFd> with_room(Inodes& inodes, Open&& open) {
    auto opened = open();
    if (opened.code() == EMFILE && inodes.close_some()) return open();
    return opened;
}

UniqueFd open_or_throw(const std::string& what, const char* path, int flags) {
    UniqueFd opened{::open(path, flags | O_CLOEXEC)};
    if (!opened) throw system_error(what);
    return opened;
}

// linux/kdev_t.h: device numbers of 32 bits, the minor ones in two parts.
uint32_t device_number(uint32_t major, uint32_t minor) { return (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12; }

}  // namespace

DescriptorName::DescriptorName(int descriptor) { std::to_chars(text_.data(), text_.data() + text_.size() - 1, descriptor); }

Share::Share(const std::string& path, bool is_read_only, size_t possible)
    : read_only{is_read_only},
      descriptors{open_or_throw("cannot share a folder without /proc", "/proc/self/fd", O_PATH | O_DIRECTORY)},
      folder{open_or_throw("cannot share " + path + ", which has to be a folder that you may read", path.c_str(), O_RDONLY | O_DIRECTORY)},
      inodes{UniqueFd{::openat(folder.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC)}, most_inodes, std::min(possible / 4, most_descriptors)},
      handles{possible / 4},
      is_root_{::geteuid() == 0},
      opener_{folder.get()} {}

Result<UniqueFd> Share::open_beneath(const Inode& in, const char* name, int flags, mode_t mode) {
    return with_room(inodes, [&] { return opener_.open(in.descriptor.get(), name, flags, mode); });
}

Result<UniqueFd> Share::reopen(int descriptor, int flags) {
    return with_room(inodes, [&]() -> Result<UniqueFd> {
        UniqueFd opened{::openat(descriptors.get(), DescriptorName{descriptor}.text(), flags | O_CLOEXEC)};
        if (!opened) return Error{errno};
        return opened;
    });
}

Result<UniqueFd> Share::open(const Inode& inode, int flags) {
    if (inode.type == S_IFLNK) return Error{ELOOP};
    if (inode.type != S_IFREG && inode.type != S_IFDIR) return Error{ENXIO};
    return reopen(inode.descriptor.get(), flags);
}

Result<Inodes::Known> Share::look_up(const Inode& in, const char* name) {
    return inodes.tell(TRY(open_beneath(in, name, O_PATH)), Inodes::Place{in.number, name});
}

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
