#include "libos/syscall/file_attributes.hpp"

#include <sys/stat.h>
#include <sys/time.h>
#include <utime.h>

#include "libos/fs/notify/watch.hpp"
#include "libos/platform/clock.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr int64_t second = 1'000'000'000;
constexpr uint32_t unchanged = ~uint32_t{0};

Result<void> apply(fs::Inode& inode, const fs::AttributeChange& change) {
    TRY(may_change(inode));
    TRY(inode.set_attributes(change));
    // One time alone counts as what it stands for.
    const bool both = change.access_time.has_value() == change.modification_time.has_value();
    fs::notify::tell(inode, both ? IN_ATTRIB : change.access_time ? IN_ACCESS : IN_MODIFY);
    return {};
}

Result<long> change_mode(fs::Inode& inode, uint32_t mode) {
    if (inode.type() == fs::FileType::SymbolicLink) return Error{EOPNOTSUPP};
    fs::AttributeChange change;
    change.permissions = mode & 07777;
    TRY(apply(inode, change));
    return 0L;
}

Result<long> change_owner(fs::Inode& inode, uint32_t uid, uint32_t gid) {
    fs::AttributeChange change;
    if (uid != unchanged) change.uid = uid;
    if (gid != unchanged) change.gid = gid;
    // A new owner must not inherit a program that runs as the old one (chown(2)).
    const uint32_t mode = TRY(inode.attributes()).mode;
    if (!S_ISDIR(mode)) {
        uint32_t kept = mode & 07777 & ~uint32_t{S_ISUID};
        if ((mode & S_IXGRP) != 0) kept &= ~uint32_t{S_ISGID};
        if (kept != (mode & 07777)) change.permissions = kept;
    }
    TRY(apply(inode, change));
    return 0L;
}

// Times saturate as in Linux rather than wrap; 64 bits of nanoseconds reach to the year 2262.
int64_t nanoseconds_of(int64_t seconds, int64_t rest) {
    int64_t time = 0;
    if (__builtin_mul_overflow(seconds, second, &time) || __builtin_add_overflow(time, rest, &time))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return time;
}

// The file whose times change. A null path names the descriptor itself, for futimens(3).
Result<Ref<fs::Inode>> target_of(int directory, VirtualAddress path, int flags) {
    if (path.value == 0 && directory != AT_FDCWD) {
        if (flags != 0) return Error{EINVAL};
        const Ref<fs::File> file = TRY(get_file(directory));
        return inode_of(*file, Error{EPERM});
    }
    return find_at(directory, path, flags);
}

fs::AttributeChange both_now() {
    fs::AttributeChange change;
    change.access_time = change.modification_time = platform::realtime_now();
    return change;
}

Result<std::optional<int64_t>> time_of(const timespec& t) {
    if (t.tv_nsec == UTIME_OMIT) return std::optional<int64_t>{};
    if (t.tv_nsec == UTIME_NOW) return std::optional<int64_t>{platform::realtime_now()};
    if (t.tv_nsec < 0 || t.tv_nsec >= second) return Error{EINVAL};
    return std::optional<int64_t>{nanoseconds_of(t.tv_sec, t.tv_nsec)};
}

Result<fs::AttributeChange> change_from(VirtualAddress times) {
    if (times.value == 0) return both_now();
    timespec t[2];
    TRY(mm::copy_from_user(t, times, sizeof t));
    fs::AttributeChange change;
    change.access_time = TRY(time_of(t[0]));
    change.modification_time = TRY(time_of(t[1]));
    return change;
}

}  // namespace

Result<long> sys_chmod(VirtualAddress path, uint32_t mode) { return sys_fchmodat(AT_FDCWD, path, mode); }

Result<long> sys_fchmod(int descriptor, uint32_t mode) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    const Ref<fs::Inode> inode = TRY(inode_of(*file, Error{EPERM}));
    return change_mode(*inode, mode);
}

Result<long> sys_fchmodat(int directory, VirtualAddress path, uint32_t mode) { return sys_fchmodat2(directory, path, mode, 0); }

Result<long> sys_fchmodat2(int directory, VirtualAddress path, uint32_t mode, int flags) {
    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return Error{EINVAL};
    const Ref<fs::Inode> inode = TRY(find_at(directory, path, flags));
    return change_mode(*inode, mode);
}

Result<long> sys_chown(VirtualAddress path, uint32_t uid, uint32_t gid) { return sys_fchownat(AT_FDCWD, path, uid, gid, 0); }

Result<long> sys_lchown(VirtualAddress path, uint32_t uid, uint32_t gid) {
    return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

Result<long> sys_fchown(int descriptor, uint32_t uid, uint32_t gid) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    const Ref<fs::Inode> inode = TRY(inode_of(*file, Error{EPERM}));
    return change_owner(*inode, uid, gid);
}

Result<long> sys_fchownat(int directory, VirtualAddress path, uint32_t uid, uint32_t gid, int flags) {
    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return Error{EINVAL};
    const Ref<fs::Inode> inode = TRY(find_at(directory, path, flags));
    return change_owner(*inode, uid, gid);
}

Result<long> sys_utimensat(int directory, VirtualAddress path, VirtualAddress times, int flags) {
    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return Error{EINVAL};
    const fs::AttributeChange change = TRY(change_from(times));
    // Two times to be left alone: the file is not even looked for.
    if (!change.access_time && !change.modification_time) return 0L;
    const Ref<fs::Inode> inode = TRY(target_of(directory, path, flags));
    TRY(apply(*inode, change));
    return 0L;
}

Result<long> sys_utimes(VirtualAddress path, VirtualAddress times) { return sys_futimesat(AT_FDCWD, path, times); }

Result<long> sys_futimesat(int directory, VirtualAddress path, VirtualAddress times) {
    fs::AttributeChange change = both_now();
    if (times.value != 0) {
        timeval t[2];
        TRY(mm::copy_from_user(t, times, sizeof t));
        for (const timeval& time : t) {
            if (time.tv_usec < 0 || time.tv_usec >= 1'000'000) return Error{EINVAL};
        }
        change.access_time = nanoseconds_of(t[0].tv_sec, t[0].tv_usec * 1000);
        change.modification_time = nanoseconds_of(t[1].tv_sec, t[1].tv_usec * 1000);
    }
    const Ref<fs::Inode> inode = TRY(target_of(directory, path, 0));
    TRY(apply(*inode, change));
    return 0L;
}

Result<long> sys_utime(VirtualAddress path, VirtualAddress times) {
    fs::AttributeChange change = both_now();
    if (times.value != 0) {
        struct utimbuf t;
        TRY(mm::copy_from_user(&t, times, sizeof t));
        change.access_time = nanoseconds_of(t.actime, 0);
        change.modification_time = nanoseconds_of(t.modtime, 0);
    }
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, 0));
    TRY(apply(*inode, change));
    return 0L;
}

}  // namespace eremite::syscall
