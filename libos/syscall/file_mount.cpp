#include "libos/syscall/file_mount.hpp"

#include <sys/mount.h>

#include <charconv>

#include "libos/fs/dev/devices.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/ramfs/file_system.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

// What mount(2) calls the types of propagation. There is one mount namespace, to which every one of them is true.
constexpr uint64_t propagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
// Flags that change nothing: programs are not run from files, times are those of relatime, one user owns everything.
constexpr uint64_t harmless = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | MS_SILENT;
// Old programs put this in the upper half (mount(2), NOTES).
constexpr uint64_t magic_mask = 0xffff0000;
constexpr uint64_t magic_value = 0xc0ed0000;

Result<Ref<fs::Inode>> mounted_root(VirtualAddress target, int flags) {
    Ref<fs::Inode> root = TRY(find_at(AT_FDCWD, target, flags));
    if (!root->is_mounted_root() && root != process::current().fs().root()) return Error{EINVAL};
    return root;
}

// tmpfs(5): "mode=0755"; nothing and "" ask for the default.
Result<uint32_t> mode_option(VirtualAddress data) {
    uint32_t mode = 01777;
    if (data.value == 0) return mode;
    PathArgument argument;
    std::string_view text = TRY(argument.load(data));
    constexpr std::string_view name = "mode=";
    if (text.empty()) return mode;
    if (!text.starts_with(name)) return Error{EINVAL};
    text.remove_prefix(name.size());
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || mode > 07777) return Error{EINVAL};
    return mode;
}

// Whether the program has a file of this file system open, or works in one of its directories.
bool in_use(const fs::FileSystem& file_system) {
    if (&process::current().fs().working_directory()->file_system() == &file_system) return true;
    return process::current().files().any_inode([&](const fs::Inode& open) { return &open.file_system() == &file_system; });
}

}  // namespace

Result<long> sys_mount(VirtualAddress source, VirtualAddress target, VirtualAddress type, uint64_t flags, VirtualAddress data) {
    if ((flags & magic_mask) == magic_value) flags &= ~magic_mask;
    PathArgument type_argument;
    const std::string_view type_name = type.value == 0 ? std::string_view{} : TRY(type_argument.load(type));
    PathArgument source_argument;
    const std::string_view source_name = source.value == 0 ? std::string_view{"none"} : TRY(source_argument.load(source));
    if ((flags & MS_REMOUNT) != 0) {
        const Ref<fs::Inode> root = TRY(mounted_root(target, 0));
        const bool read_only = (flags & MS_RDONLY) != 0;
        if (!read_only && root->file_system().only_readable()) return Error{EROFS};
        root->file_system().set_read_only(read_only);
        return 0L;
    }
    if ((flags & propagation) != 0) {
        if ((flags & ~(propagation | MS_REC | MS_SILENT)) != 0) return Error{EINVAL};
        TRY(mounted_root(target, 0));
        return 0L;
    }
    const Ref<fs::Inode> point = TRY(find_at(AT_FDCWD, target, 0));
    if ((flags & (MS_BIND | MS_MOVE)) != 0) return Error{ENOSYS};
    if ((flags & ~(harmless | MS_RDONLY)) != 0 || type.value == 0) return Error{EINVAL};
    if (type_name != "tmpfs") return Error{ENODEV};
    Ref<fs::Inode> root = TRY(fs::ramfs::FileSystem::create(TRY(mode_option(data)), fs::dev::open_device));
    TRY(fs::mount_on(point, std::move(root), {.read_only = (flags & MS_RDONLY) != 0}, type_name, source_name));
    return 0L;
}

Result<long> sys_umount2(VirtualAddress target, int flags) {
    if ((flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) != 0) return Error{EINVAL};
    const Ref<fs::Inode> root = TRY(mounted_root(target, (flags & UMOUNT_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0));
    if ((flags & MNT_EXPIRE) != 0) return Error{(flags & (MNT_FORCE | MNT_DETACH)) != 0 ? EINVAL : EAGAIN};
    if (root == process::current().fs().root()) return Error{EBUSY};
    const bool detach = (flags & MNT_DETACH) != 0;
    if (!detach && in_use(root->file_system())) return Error{EBUSY};
    TRY(root->file_system().synchronize());
    TRY(fs::unmount(root, detach));
    return 0L;
}

}  // namespace eremite::syscall
