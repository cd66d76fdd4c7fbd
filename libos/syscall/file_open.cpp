#include "libos/syscall/file_open.hpp"

#include <linux/close_range.h>
#include <linux/memfd.h>
#include <linux/openat2.h>

#include <algorithm>

#include "libos/fs/dev/devices.hpp"
#include "libos/fs/notify/watch.hpp"
#include "libos/fs/ramfs/regular_file.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

// glibc defines O_LARGEFILE as 0 where all files are large; the kernel's value shows in F_GETFL.
constexpr uint32_t large_file = 0100000;
constexpr uint32_t tmpfile_bit = O_TMPFILE & ~O_DIRECTORY;
constexpr uint32_t creation_flags = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;
constexpr uint32_t path_flags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
constexpr uint32_t known_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC |
                                 O_DIRECT | large_file | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE;
constexpr uint64_t known_resolve =
    RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;

struct OpenRequest {
    uint32_t flags;
    uint32_t mode;
    uint64_t resolve = 0;
    [[nodiscard]] bool has(uint32_t flag) const { return (flags & flag) != 0; }
    [[nodiscard]] bool writes() const { return ((flags + 1) & 2) != 0; }
};

uint32_t status_flags(const OpenRequest& request) { return (request.flags & ~creation_flags) | large_file; }

uint32_t permissions_of(const OpenRequest& request) { return request.mode & 07777 & ~process::current().fs().umask(); }

// A file that was created, or null when one is there already.
Result<Ref<fs::File>> create_file(const fs::Location& where, const OpenRequest& request) {
    if (where.trailing_slash) return Error{EISDIR};
    if (where.inode) return Ref<fs::File>{};
    TRY(may_change(*where.parent));
    Ref<fs::File> file = TRY(where.parent->create_open(where.name, permissions_of(request), status_flags(request)));
    fs::notify::tell_name(*where.parent, where.name, IN_CREATE, false);
    fs::notify::tell(*file, IN_OPEN);
    return file;
}

Result<void> may_open(const fs::Inode& inode, const OpenRequest& request) {
    if (request.has(O_DIRECTORY) && !inode.is_directory()) return Error{ENOTDIR};
    if (inode.type() == fs::FileType::SymbolicLink && !request.has(O_PATH)) return Error{ELOOP};
    if (inode.type() == fs::FileType::Socket && !request.has(O_PATH)) return Error{ENXIO};
    if (inode.is_directory() && (request.writes() || request.has(O_TRUNC) || request.has(O_CREAT))) return Error{EISDIR};
    if (inode.type() == fs::FileType::Regular && !request.has(O_PATH) && (request.writes() || request.has(O_TRUNC))) TRY(may_change(inode));
    return {};
}

Result<Ref<fs::File>> open_inode(const Ref<fs::Inode>& inode, const OpenRequest& request) {
    TRY(may_open(*inode, request));
    if (request.has(O_PATH)) return Ref<fs::File>{TRY(make_ref<fs::InodeFile>(inode, request.flags & ~creation_flags))};
    const bool truncate = request.has(O_TRUNC) && inode->type() == fs::FileType::Regular;
    // A file that may not be opened is not cut off.
    Ref<fs::File> file = TRY(inode->open(status_flags(request)));
    if (truncate) TRY(inode->truncate(0));
    fs::notify::tell(*file, IN_OPEN);
    if (truncate) fs::notify::tell(*file, IN_MODIFY);
    return file;
}

Result<Ref<fs::File>> open_unnamed(fs::Inode& directory, const OpenRequest& request) {
    if (!directory.is_directory()) return Error{ENOTDIR};
    TRY(may_change(directory));
    const Ref<fs::Inode> inode = TRY(directory.create_unnamed(permissions_of(request), !request.has(O_EXCL)));
    Ref<fs::File> file = TRY(inode->open(status_flags(request)));
    fs::notify::tell(*file, IN_OPEN);
    return file;
}

Result<Ref<fs::File>> open_path(int directory, std::string_view path, const OpenRequest& request) {
    fs::WalkFlags walk_flags;
    walk_flags.follow_last = !request.has(O_NOFOLLOW) && !(request.has(O_CREAT) && request.has(O_EXCL));
    // With O_CREAT a slash behind the name is an error of its own, whatever stands there.
    walk_flags.want_parent = request.has(O_CREAT);
    walk_flags.no_links = (request.resolve & RESOLVE_NO_SYMLINKS) != 0;
    walk_flags.no_magic = (request.resolve & RESOLVE_NO_MAGICLINKS) != 0;
    walk_flags.no_mounts = (request.resolve & RESOLVE_NO_XDEV) != 0;
    walk_flags.beneath = (request.resolve & RESOLVE_BENEATH) != 0;
    walk_flags.in_root = (request.resolve & RESOLVE_IN_ROOT) != 0;
    // With RESOLVE_IN_ROOT even an absolute path starts at the directory.
    const Ref<fs::Inode> start = TRY(start_of(directory, walk_flags.in_root ? std::string_view{} : path));
    // The file may come and go between look-up and creation; who creates it last wins, so a few rounds always suffice.
    for (int round = 0; round < 16; ++round) {
        fs::Location where = TRY(fs::walk(process::current().fs(), start, path, walk_flags));
        if (request.has(tmpfile_bit)) {
            if (!where.inode) return Error{ENOENT};
            return open_unnamed(*where.inode, request);
        }
        if (request.has(O_CREAT)) {
            if (where.last == fs::Location::Last::Name) {
                auto created = create_file(where, request);
                if (created.code() == EEXIST && !request.has(O_EXCL)) continue;
                if (!created.ok()) return created.error();
                if (created.value()) return created;
            }
            if (request.has(O_EXCL)) return Error{EEXIST};
        }
        if (!where.inode) return Error{ENOENT};
        return open_inode(where.inode, request);
    }
    return Error{EBUSY};
}

Result<long> do_open(int directory, VirtualAddress path, OpenRequest request) {
    if (request.has(O_PATH)) request.flags &= path_flags;
    if (request.has(tmpfile_bit) && (!request.has(O_DIRECTORY) || request.has(O_CREAT) || !request.writes())) return Error{EINVAL};
    PathArgument argument;
    const std::string_view text = TRY(argument.load(path));
    Ref<fs::File> file = TRY(open_path(directory, text, request));
    return TRY(process::current().files().add(std::move(file), request.has(O_CLOEXEC)));
}

}  // namespace

Result<long> sys_open(VirtualAddress path, int flags, uint32_t mode) { return sys_openat(AT_FDCWD, path, flags, mode); }

Result<long> sys_openat(int directory, VirtualAddress path, int flags, uint32_t mode) {
    return do_open(directory, path, {static_cast<uint32_t>(flags) & known_flags, mode});
}

Result<long> sys_creat(VirtualAddress path, uint32_t mode) { return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

Result<long> sys_openat2(int directory, VirtualAddress path, VirtualAddress how_address, size_t size) {
    struct open_how how {};
    if (size < sizeof how) return Error{EINVAL};
    if (size > page_size) return Error{E2BIG};
    TRY(mm::copy_from_user(&how, how_address, sizeof how));
    // A later version of the structure is fine as long as what we do not know is zero.
    for (size_t offset = sizeof how; offset < size; ++offset) {
        if (TRY((mm::UserPtr<uint8_t>{how_address + offset}.load())) != 0) return Error{E2BIG};
    }
    if ((how.flags & ~uint64_t{known_flags}) != 0 || (how.resolve & ~known_resolve) != 0) return Error{EINVAL};
    if ((how.resolve & RESOLVE_BENEATH) != 0 && (how.resolve & RESOLVE_IN_ROOT) != 0) return Error{EINVAL};
    const bool creates = (how.flags & O_CREAT) != 0 || (how.flags & tmpfile_bit) != 0;
    if ((how.mode & ~uint64_t{07777}) != 0 || (!creates && how.mode != 0)) return Error{EINVAL};
    if ((how.flags & O_PATH) != 0 && (how.flags & ~uint64_t{path_flags}) != 0) return Error{EINVAL};
    // RESOLVE_CACHED asks for an answer without waiting: EAGAIN is always allowed when the call would change anything.
    if ((how.resolve & RESOLVE_CACHED) != 0 && (how.flags & (O_TRUNC | O_CREAT | tmpfile_bit)) != 0) return Error{EAGAIN};
    return do_open(directory, path, {static_cast<uint32_t>(how.flags), static_cast<uint32_t>(how.mode), how.resolve});
}

Result<long> sys_close(int descriptor) {
    TRY(process::current().files().close(descriptor));
    return 0L;
}

Result<long> sys_close_range(uint32_t first, uint32_t last, uint32_t flags) {
    if ((flags & ~uint32_t{CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC}) != 0 || first > last) return Error{EINVAL};
    // The table belongs to the one process, so there is nothing to unshare.
    fs::FileTable& files = process::current().files();
    if ((flags & CLOSE_RANGE_CLOEXEC) != 0) files.set_close_on_exec_range(first, last);
    else files.close_range(first, last);
    return 0L;
}

// Newer than some headers: MFD_NOEXEC_SEAL and MFD_EXEC.
constexpr uint32_t no_exec_seal = 8;
constexpr uint32_t executable = 16;

Result<long> sys_memfd_create(VirtualAddress name, uint32_t flags) {
    if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | no_exec_seal | executable)) != 0) return Error{EINVAL};
    if ((flags & no_exec_seal) != 0 && (flags & executable) != 0) return Error{EINVAL};
    constexpr std::string_view prefix = "memfd:";
    std::array<char, fs::name_maximum + 1> label;
    prefix.copy(label.data(), prefix.size());
    const auto text = mm::copy_string_from_user(std::span{label}.subspan(prefix.size()), name);
    if (text.code() == ENAMETOOLONG) return Error{EINVAL};
    if (!text.ok()) return text.error();
    Ref<fs::Inode> inode = TRY(fs::dev::unnamed_files().create_unnamed({label.data(), prefix.size() + text.value().size()},
                                                                         (flags & no_exec_seal) != 0 ? 0666 : 0777));
    if ((flags & (MFD_ALLOW_SEALING | no_exec_seal)) != 0)
        static_cast<fs::ramfs::RegularFile&>(*inode).allow_sealing((flags & no_exec_seal) != 0);
    Ref<fs::File> file = TRY(inode->open(O_RDWR | large_file));
    return TRY(process::current().files().add(std::move(file), (flags & MFD_CLOEXEC) != 0));
}

}  // namespace eremite::syscall
