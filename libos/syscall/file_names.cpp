#include "libos/syscall/file_names.hpp"

#include <linux/fs.h>

#include "libos/fs/notify/watch.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

using Last = fs::Location::Last;

uint32_t after_umask(uint32_t mode) { return mode & ~process::current().fs().umask(); }

// Where a new name goes. EEXIST when it is taken; ENOENT for "name/" unless a directory is to be made.
Result<fs::Location> locate_new(int directory, std::string_view path, bool is_directory) {
    fs::Location where = TRY(locate_at(directory, path));
    if (where.last != Last::Name || where.inode) return Error{EEXIST};
    if (where.trailing_slash && !is_directory) return Error{ENOENT};
    TRY(may_change(*where.parent));
    return where;
}

Result<long> remove_directory(int directory, std::string_view path) {
    const fs::Location where = TRY(locate_at(directory, path));
    switch (where.last) {
        case Last::Dot: return Error{EINVAL};
        case Last::DotDot: return Error{ENOTEMPTY};
        case Last::Root: return Error{EBUSY};
        case Last::Name: break;
    }
    TRY(may_change(*where.parent));
    if (!where.inode) return Error{ENOENT};
    if (where.inode->is_mounted_root()) return Error{EBUSY};
    TRY(where.parent->remove_directory(where.name));
    fs::notify::tell_removed(*where.inode);
    fs::notify::tell_name(*where.parent, where.name, IN_DELETE, true);
    return 0L;
}

// The file system in which a name stands or would stand.
const fs::FileSystem* file_system_of(const fs::Location& where) { return &(where.parent ? where.parent : where.inode)->file_system(); }

// What a slash behind the name of something that is to be removed means.
Error slash_error(const fs::Location& where) {
    if (!where.inode) return Error{ENOENT};
    return Error{where.inode->is_directory() ? EISDIR : ENOTDIR};
}

}  // namespace

Result<long> sys_mkdir(VirtualAddress path, uint32_t mode) { return sys_mkdirat(AT_FDCWD, path, mode); }

Result<long> sys_mkdirat(int directory, VirtualAddress path, uint32_t mode) {
    PathArgument argument;
    const fs::Location where = TRY(locate_new(directory, TRY(argument.load(path)), true));
    const Ref<fs::Inode> created = TRY(where.parent->create_directory(where.name, after_umask(mode & 01777)));
    fs::notify::tell_name(*where.parent, where.name, IN_CREATE, true);
    return 0L;
}

Result<long> sys_rmdir(VirtualAddress path) { return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

Result<long> sys_unlink(VirtualAddress path) { return sys_unlinkat(AT_FDCWD, path, 0); }

Result<long> sys_unlinkat(int directory, VirtualAddress path, int flags) {
    if ((flags & ~AT_REMOVEDIR) != 0) return Error{EINVAL};
    PathArgument argument;
    const std::string_view text = TRY(argument.load(path));
    if ((flags & AT_REMOVEDIR) != 0) return remove_directory(directory, text);
    const fs::Location where = TRY(locate_at(directory, text));
    if (where.last != Last::Name) return Error{EISDIR};
    TRY(may_change(*where.parent));
    if (where.trailing_slash) return slash_error(where);
    if (!where.inode) return Error{ENOENT};
    TRY(where.parent->unlink(where.name));
    fs::notify::tell_removed(*where.inode);
    fs::notify::tell_name(*where.parent, where.name, IN_DELETE, false);
    return 0L;
}

Result<long> sys_rename(VirtualAddress from, VirtualAddress to) { return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

Result<long> sys_renameat(int from_directory, VirtualAddress from, int to_directory, VirtualAddress to) {
    return sys_renameat2(from_directory, from, to_directory, to, 0);
}

Result<long> sys_renameat2(int from_directory, VirtualAddress from, int to_directory, VirtualAddress to, uint32_t flags) {
    if ((flags & ~uint32_t{RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT}) != 0) return Error{EINVAL};
    if ((flags & RENAME_EXCHANGE) != 0 && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) != 0) return Error{EINVAL};
    // Whiteouts belong to overlay file systems.
    if ((flags & RENAME_WHITEOUT) != 0) return Error{EINVAL};
    PathArgument from_argument;
    PathArgument to_argument;
    const fs::Location source = TRY(locate_at(from_directory, TRY(from_argument.load(from))));
    const fs::Location target = TRY(locate_at(to_directory, TRY(to_argument.load(to))));
    if (file_system_of(source) != file_system_of(target)) return Error{EXDEV};
    if (source.last != Last::Name) return Error{EBUSY};
    const bool no_replace = (flags & RENAME_NOREPLACE) != 0;
    if (target.last != Last::Name) return Error{no_replace ? EEXIST : EBUSY};
    TRY(may_change(*source.parent));
    if (!source.inode) return Error{ENOENT};
    if (no_replace && target.inode) return Error{EEXIST};
    if ((flags & RENAME_EXCHANGE) != 0) {
        if (!target.inode) return Error{ENOENT};
        if (!target.inode->is_directory() && target.trailing_slash) return Error{ENOTDIR};
    }
    // A slash behind a name demands a directory.
    if (!source.inode->is_directory()) {
        if (source.trailing_slash) return Error{ENOTDIR};
        if ((flags & RENAME_EXCHANGE) == 0 && target.trailing_slash) return Error{ENOTDIR};
    }
    if (source.inode->is_mounted_root() || (target.inode && target.inode->is_mounted_root())) return Error{EBUSY};
    const fs::RenameMode mode = (flags & RENAME_EXCHANGE) != 0 ? fs::RenameMode::Exchange
                                : no_replace                   ? fs::RenameMode::NoReplace
                                                               : fs::RenameMode::Replace;
    TRY(source.parent->rename(source.name, *target.parent, target.name, mode));
    if (source.inode == target.inode) return 0L;
    const bool exchange = mode == fs::RenameMode::Exchange;
    fs::Inode* const replaced = exchange ? nullptr : target.inode.get();
    fs::notify::tell_moved(*source.parent, source.name, *target.parent, target.name, *source.inode, replaced);
    if (exchange) fs::notify::tell_moved(*target.parent, target.name, *source.parent, source.name, *target.inode, nullptr);
    return 0L;
}

Result<long> sys_link(VirtualAddress from, VirtualAddress to) { return sys_linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

Result<long> sys_linkat(int from_directory, VirtualAddress from, int to_directory, VirtualAddress to, int flags) {
    if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return Error{EINVAL};
    const int find_flags = (flags & AT_EMPTY_PATH) | ((flags & AT_SYMLINK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW);
    const Ref<fs::Inode> source = TRY(find_at(from_directory, from, find_flags));
    PathArgument argument;
    const fs::Location where = TRY(locate_new(to_directory, TRY(argument.load(to)), false));
    if (&source->file_system() != &where.parent->file_system()) return Error{EXDEV};
    if (source->is_directory()) return Error{EPERM};
    TRY(where.parent->link(where.name, *source));
    fs::notify::tell_links(*source);
    fs::notify::tell_name(*where.parent, where.name, IN_CREATE, false);
    return 0L;
}

Result<long> sys_symlink(VirtualAddress target, VirtualAddress path) { return sys_symlinkat(target, AT_FDCWD, path); }

Result<long> sys_symlinkat(VirtualAddress target, int directory, VirtualAddress path) {
    PathArgument target_argument;
    const std::string_view text = TRY(target_argument.load(target));
    if (text.empty()) return Error{ENOENT};
    PathArgument argument;
    const fs::Location where = TRY(locate_new(directory, TRY(argument.load(path)), false));
    TRY(where.parent->create_symbolic_link(where.name, text));
    fs::notify::tell_name(*where.parent, where.name, IN_CREATE, false);
    return 0L;
}

Result<long> sys_mknod(VirtualAddress path, uint32_t mode, uint32_t device) { return sys_mknodat(AT_FDCWD, path, mode, device); }

Result<long> sys_mknodat(int directory, VirtualAddress path, uint32_t mode, uint32_t device) {
    const uint32_t type = mode & S_IFMT;
    if (type == S_IFDIR) return Error{EPERM};
    const bool known = type == 0 || type == S_IFREG || type == S_IFCHR || type == S_IFBLK || type == S_IFIFO || type == S_IFSOCK;
    if (!known) return Error{EINVAL};
    PathArgument argument;
    const fs::Location where = TRY(locate_new(directory, TRY(argument.load(path)), false));
    const uint32_t new_mode = (type == 0 ? S_IFREG : type) | after_umask(mode & 07777);
    const Ref<fs::Inode> created = TRY(where.parent->create(where.name, {.mode = new_mode, .device_number = device}));
    fs::notify::tell_name(*where.parent, where.name, IN_CREATE, false);
    return 0L;
}

}  // namespace eremite::syscall
