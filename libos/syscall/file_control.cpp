#include "libos/syscall/file_control.hpp"

#include <asm/ioctls.h>
#include <signal.h>

#include "libos/fs/ramfs/regular_file.hpp"
#include "libos/ipc/pipe.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_lock.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr uint32_t changeable_flags = O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK;

fs::FileTable& files() { return process::current().files(); }

// struct f_owner_ex's type for a process.
constexpr int owner_process = 1;

Result<long> seals_of(fs::File& file) {
    const Ref<fs::Inode> target = TRY(inode_of(file, Error{EINVAL}));
    return static_cast<long>(TRY(target->seals()));
}

Result<long> add_seals(fs::File& file, uint64_t seals) {
    const Ref<fs::Inode> target = TRY(inode_of(file, Error{EINVAL}));
    if (target->type() == fs::FileType::Regular && !file.writable()) return Error{EPERM};
    constexpr uint64_t known = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |
                               fs::ramfs::RegularFile::seal_executable;
    if ((seals & ~known) != 0) return Error{EINVAL};
    TRY(target->add_seals(static_cast<uint32_t>(seals)));
    return 0L;
}

Result<long> duplicate(Ref<fs::File> file, uint64_t from, bool close_on_exec) {
    if (from > INT32_MAX) return Error{EINVAL};
    return TRY(files().add(std::move(file), close_on_exec, static_cast<int>(from)));
}

}  // namespace

Result<long> sys_dup(int descriptor) { return TRY(files().add(TRY(get_file_or_path(descriptor)), false)); }

Result<long> sys_dup2(int descriptor, int target) {
    if (descriptor != target) return sys_dup3(descriptor, target, 0);
    const Ref<fs::File> file = TRY(get_file_or_path(descriptor));
    return target;
}

Result<long> sys_dup3(int descriptor, int target, int flags) {
    if ((flags & ~O_CLOEXEC) != 0 || descriptor == target) return Error{EINVAL};
    if (static_cast<uint32_t>(target) >= files().limit()) return Error{EBADF};
    Ref<fs::File> file = TRY(get_file_or_path(descriptor));
    TRY(files().replace(target, std::move(file), (flags & O_CLOEXEC) != 0));
    return target;
}

Result<long> sys_fcntl(int descriptor, int command, uint64_t argument) {
    const Ref<fs::File> file = TRY(get_file_or_path(descriptor));
    switch (command) {
        case F_DUPFD: return duplicate(file, static_cast<uint32_t>(argument), false);
        case F_DUPFD_CLOEXEC: return duplicate(file, static_cast<uint32_t>(argument), true);
        case F_GETFD: return TRY(files().close_on_exec(descriptor)) ? FD_CLOEXEC : 0L;
        case F_SETFD: TRY(files().set_close_on_exec(descriptor, (argument & FD_CLOEXEC) != 0)); return 0L;
        case F_GETFL: return static_cast<long>(file->flags());
        default: break;
    }
    if (file->path_only()) return Error{EBADF};
    const VirtualAddress address{argument};
    switch (command) {
        case F_SETFL:
            file->set_flags((file->flags() & ~changeable_flags) | (static_cast<uint32_t>(argument) & changeable_flags));
            return 0L;
        case F_GETLK:
        case F_SETLK:
        case F_SETLKW:
        case F_OFD_GETLK:
        case F_OFD_SETLK:
        case F_OFD_SETLKW: return record_lock(*file, descriptor, command, address);
        case F_GETOWN: return 0L;
        case F_SETOWN:
        case F_SETSIG: return 0L;
        case F_GETSIG: return 0L;
        case F_GETOWN_EX: {
            const int owner[2] = {owner_process, 0};
            TRY(mm::copy_to_user(address, owner, sizeof owner));
            return 0L;
        }
        case F_ADD_SEALS: return add_seals(*file, argument);
        case F_GET_SEALS: return seals_of(*file);
        case F_GETPIPE_SZ: return static_cast<long>(TRY(ipc::pipe_capacity(*file)));
        case F_SETPIPE_SZ: return static_cast<long>(TRY(ipc::set_pipe_capacity(*file, static_cast<uint32_t>(argument))));
        case F_GETLEASE: return F_UNLCK;
        case F_NOTIFY:
        case F_SETLEASE:
        default: return Error{EINVAL};
    }
}

Result<long> sys_ioctl(int descriptor, uint32_t request, uint64_t argument) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    switch (request) {
        case FIOCLEX: TRY(files().set_close_on_exec(descriptor, true)); return 0L;
        case FIONCLEX: TRY(files().set_close_on_exec(descriptor, false)); return 0L;
        case FIONBIO:
        case FIOASYNC: {
            const int on = TRY((mm::UserPtr<int>{VirtualAddress{argument}}.load()));
            const uint32_t flag = request == FIONBIO ? O_NONBLOCK : O_ASYNC;
            // Signals for input need a file that can send them.
            if (request == FIOASYNC && on != 0) return Error{ENOTTY};
            file->set_flags(on != 0 ? file->flags() | flag : file->flags() & ~flag);
            return 0L;
        }
        default: break;
    }
    fs::Inode* const inode = file->inode();
    if (request == FIONREAD && inode && inode->type() == fs::FileType::Regular) {
        const uint64_t size = TRY(file->attributes()).size;
        const auto position = static_cast<int64_t>(TRY(file->seek(0, SEEK_CUR)));
        const int left = static_cast<int>(static_cast<int64_t>(size) - position);
        TRY(mm::copy_to_user(VirtualAddress{argument}, &left, sizeof left));
        return 0L;
    }
    return file->ioctl(request, argument);
}

}  // namespace eremite::syscall
