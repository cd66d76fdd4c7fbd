#include "libos/syscall/file_notify.hpp"

#include "libos/fs/notify/inotify_file.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr uint32_t known_bits = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK |
                                IN_MASK_ADD | IN_MASK_CREATE | IN_ISDIR | IN_ONESHOT;

}  // namespace

Result<long> sys_inotify_init() { return sys_inotify_init1(0); }

Result<long> sys_inotify_init1(uint32_t flags) {
    if ((flags & ~uint32_t{IN_CLOEXEC | IN_NONBLOCK}) != 0) return Error{EINVAL};
    Ref<fs::File> file = TRY(make_ref<fs::notify::InotifyFile>(flags & O_NONBLOCK));
    return static_cast<long>(TRY(process::current().files().add(std::move(file), (flags & IN_CLOEXEC) != 0)));
}

Result<long> sys_inotify_add_watch(int descriptor, VirtualAddress path, uint32_t mask) {
    if ((mask & ~known_bits) != 0 || (mask & known_bits) == 0) return Error{EINVAL};
    if ((mask & IN_MASK_ADD) != 0 && (mask & IN_MASK_CREATE) != 0) return Error{EINVAL};
    const Ref<fs::File> file = TRY(get_file(descriptor));
    fs::notify::InotifyFile* const instance = fs::notify::InotifyFile::of(*file);
    if (!instance) return Error{EINVAL};
    Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, (mask & IN_DONT_FOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0));
    if ((mask & IN_ONLYDIR) != 0 && !inode->is_directory()) return Error{ENOTDIR};
    return static_cast<long>(TRY(instance->add(std::move(inode), mask)));
}

Result<long> sys_inotify_rm_watch(int descriptor, int watch) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    fs::notify::InotifyFile* const instance = fs::notify::InotifyFile::of(*file);
    if (!instance) return Error{EINVAL};
    TRY(instance->remove(watch));
    return 0L;
}

}  // namespace eremite::syscall
