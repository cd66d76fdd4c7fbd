// flock(2) and the locks of fcntl(2)
#include "libos/fs/file_lock.hpp"

#include <sys/file.h>

#include "libos/process/process.hpp"
#include "libos/syscall/file_control.hpp"
#include "libos/syscall/file_lock.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr int64_t offset_maximum = INT64_MAX;

// What a lock's start counts from.
Result<int64_t> base_of(fs::File& file, int whence) {
    switch (whence) {
        case SEEK_SET: return int64_t{0};
        case SEEK_CUR: return file.positioned() ? static_cast<int64_t>(TRY(file.seek(0, SEEK_CUR))) : int64_t{0};
        case SEEK_END: return static_cast<int64_t>(TRY(file.attributes()).size);
        default: return Error{EINVAL};
    }
}

// EINVAL, EOVERFLOW as fcntl(2) has them.
Result<void> set_range(fs::FileLock& lock, fs::File& file, const struct ::flock& wanted) {
    const int64_t base = TRY(base_of(file, wanted.l_whence));
    if (wanted.l_start > offset_maximum - base) return Error{EOVERFLOW};
    const int64_t start = base + wanted.l_start;
    if (start < 0) return Error{EINVAL};
    lock.first = static_cast<uint64_t>(start);
    if (wanted.l_len > 0) {
        if (wanted.l_len - 1 > offset_maximum - start) return Error{EOVERFLOW};
        lock.last = static_cast<uint64_t>(start + wanted.l_len - 1);
    } else if (wanted.l_len < 0) {
        if (start + wanted.l_len < 0) return Error{EINVAL};
        lock.last = lock.first - 1;
        lock.first = static_cast<uint64_t>(start + wanted.l_len);
    }
    return {};
}

void describe(struct ::flock& result, const fs::FileLock& found) {
    result.l_type = found.exclusive ? F_WRLCK : F_RDLCK;
    result.l_whence = SEEK_SET;
    result.l_start = static_cast<int64_t>(found.first);
    result.l_len = found.last == fs::FileLock::end_of_file ? 0 : static_cast<int64_t>(found.last - found.first + 1);
    // -1: an open file description's; there is one process, of number 1.
    result.l_pid = found.owner == fs::FileLocks::process_owner() ? 1 : -1;
}

}  // namespace

Result<long> record_lock(fs::File& file, int descriptor, int command, VirtualAddress address) {
    const mm::UserPtr<struct ::flock> pointer{address};
    struct ::flock wanted;
    TRY(mm::copy_from_user(&wanted, address, sizeof wanted));
    const bool of_description = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    const bool asking = command == F_GETLK || command == F_OFD_GETLK;
    const int type = wanted.l_type;
    if (command == F_GETLK && type != F_RDLCK && type != F_WRLCK) return Error{EINVAL};
    fs::FileLock lock{.kind = fs::FileLock::Kind::Range, .exclusive = type == F_WRLCK, .file = fs::FileLocks::identity(file)};
    lock.owner = of_description ? &file : fs::FileLocks::process_owner();
    TRY(set_range(lock, file, wanted));
    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK) return Error{EINVAL};
    if (of_description && wanted.l_pid != 0) return Error{EINVAL};
    if (asking) {
        // Asking for F_UNLCK asks for the description's own locks.
        const auto found = type == F_UNLCK ? fs::file_locks().own(lock) : fs::file_locks().obstacle(lock);
        if (found) describe(wanted, *found);
        else wanted.l_type = F_UNLCK;
        TRY(pointer.store(wanted));
        return 0L;
    }
    if ((type == F_RDLCK && !file.readable()) || (type == F_WRLCK && !file.writable())) return Error{EBADF};
    if (type == F_UNLCK) {
        TRY(fs::file_locks().release(lock));
        return 0L;
    }
    TRY(fs::file_locks().acquire(lock, command == F_SETLKW || command == F_OFD_SETLKW));
    if (of_description) return 0L;
    // Who closed the descriptor meanwhile has found no lock to give up; as on Linux the lock goes.
    if (process::current().files().leads_to(descriptor, file)) return 0L;
    fs::file_locks().descriptor_closed(file);
    return Error{EBADF};
}

Result<long> sys_flock(int descriptor, int operation) {
    const int kind = operation & ~LOCK_NB;
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN) return Error{EINVAL};
    const fs::FileLock lock{.exclusive = kind == LOCK_EX, .file = fs::FileLocks::identity(*file), .owner = file.get()};
    if (kind == LOCK_UN) TRY(fs::file_locks().release(lock));
    else TRY(fs::file_locks().acquire(lock, (operation & LOCK_NB) == 0));
    return 0L;
}

}  // namespace eremite::syscall
