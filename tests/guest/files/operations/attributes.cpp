// stat(2) and relatives, chmod(2), chown(2), access(2), statfs(2), utimensat(2)
#include <linux/stat.h>

#include <cstring>

#include "expect.hpp"

namespace file_ops {

namespace {

Status status;
struct statx extended;
struct statfs file_system;

long statx(int directory, const char* path, int flags, unsigned mask) { return call(SYS_statx, directory, path, flags, mask, &extended); }

void asking() {
    OK(stat("f", &status));
    IS(S_IFREG | 0644, status.st_mode);
    IS(4, status.st_size);
    IS(1, status.st_nlink);
    FAILS(ENOENT, stat("missing", &status));
    FAILS(ENOENT, stat("", &status));
    FAILS(ENOTDIR, stat("f/x", &status));
    FAILS(ENOTDIR, stat("f/", &status));
    FAILS(ENAMETOOLONG, stat(too_long_name, &status));
    FAILS(EFAULT, stat("f", nullptr));
    FAILS(EFAULT, stat(nullptr, &status));
    FAILS(EBADF, fstat(99, &status));
    FAILS(EBADF, call(SYS_newfstatat, 99, "f", &status, 0));
    FAILS(EINVAL, call(SYS_newfstatat, AT_FDCWD, "f", &status, 0x8000));
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS));
    IS(STATX_BASIC_STATS, extended.stx_mask & STATX_BASIC_STATS);
    IS(4, extended.stx_size);
    OK(stat("f", &status));
    IS(true, status.st_ino == extended.stx_ino);
    IS(true, status.st_mtim.tv_nsec == extended.stx_mtime.tv_nsec);
    OK(statx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_TYPE));
    IS(S_IFDIR, extended.stx_mode & S_IFMT);
    FAILS(EINVAL, statx(AT_FDCWD, "f", 0, 0x80000000U));
    FAILS(EINVAL, statx(AT_FDCWD, "f", 0x6000, STATX_SIZE));
    FAILS(ENOENT, statx(AT_FDCWD, "missing", 0, STATX_SIZE));
    FAILS(EBADF, statx(99, "f", 0, STATX_SIZE));
    OK(call(SYS_statfs, ".", &file_system));
    IS(true, file_system.f_type != 0);
    IS(true, file_system.f_bsize > 0 && file_system.f_frsize > 0);
    IS(true, file_system.f_bavail <= file_system.f_bfree && file_system.f_bfree <= file_system.f_blocks);
    IS(255, file_system.f_namelen);
    FAILS(ENOENT, call(SYS_statfs, "missing", &file_system));
    FAILS(EFAULT, call(SYS_statfs, ".", nullptr));
    FAILS(EBADF, call(SYS_fstatfs, 99, &file_system));
}

void permissions() {
    OK(chmod("f", 07777));
    IS(S_IFREG | 07777, mode_of("f"));
    IS(3, open("f", O_RDONLY));
    OK(call(SYS_fchmod, 3, 0600));
    IS(S_IFREG | 0600, mode_of("f"));
    OK(close(3));
    OK(call(SYS_fchmodat, AT_FDCWD, "f", 0));
    // To root that means little (capabilities(7), CAP_DAC_OVERRIDE).
    OK(access("f", R_OK | W_OK));
    FAILS(EACCES, access("f", X_OK));
    OK(chmod("f", 0100));
    OK(access("f", X_OK));
    OK(access("f", F_OK));
    FAILS(ENOENT, access("missing", F_OK));
    FAILS(ENOTDIR, access("f/x", F_OK));
    FAILS(EINVAL, access("f", 8));
    FAILS(EFAULT, access(nullptr, F_OK));
    OK(call(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
    FAILS(EINVAL, call(SYS_faccessat2, AT_FDCWD, "f", R_OK, 1));
    FAILS(EBADF, call(SYS_faccessat, 99, "f", R_OK));
    OK(chmod(".", 0700));
    IS(S_IFDIR | 0700, mode_of("."));
    OK(chmod(".", 0755));
    FAILS(ENOENT, chmod("missing", 0600));
    FAILS(ENOTDIR, chmod("f/x", 0600));
    FAILS(EFAULT, chmod(nullptr, 0600));
    FAILS(EBADF, call(SYS_fchmod, 99, 0600));
    FAILS(EBADF, call(SYS_fchmodat, 99, "f", 0600));
    OK(chmod("f", 0644));
    IS(0777, call(SYS_umask, 022) | 0777);
    IS(022, call(SYS_umask, 077));
    IS(1, make_file("g", "x"));
    IS(S_IFREG | 0600, mode_of("g"));
    OK(unlink("g"));
    OK(call(SYS_umask, 022));
}

void owners() {
    if (!has(Feature::Owners, "chown")) return;
    OK(call(SYS_chown, "f", 1000, 1001));
    OK(stat("f", &status));
    IS(1000, status.st_uid);
    IS(1001, status.st_gid);
    OK(call(SYS_chown, "f", -1, 7));
    OK(stat("f", &status));
    IS(1000, status.st_uid);
    IS(7, status.st_gid);
    OK(chmod("f", 06755));
    OK(call(SYS_chown, "f", 5, -1));
    IS(S_IFREG | 0755, mode_of("f"));
    IS(3, open("f", O_RDONLY));
    OK(call(SYS_fchown, 3, 0, 0));
    OK(call(SYS_fchownat, 3, "", 1, 2, AT_EMPTY_PATH));
    OK(close(3));
    OK(stat("f", &status));
    IS(1, status.st_uid);
    if (has(Feature::SymbolicLinks, "lchown")) {
        OK(symlink("f", "s"));
        OK(call(SYS_lchown, "s", 3, 3));
        OK(lstat("s", &status));
        IS(3, status.st_uid);
        OK(call(SYS_chown, "s", 0, 0));
        OK(stat("f", &status));
        IS(0, status.st_uid);
        OK(unlink("s"));
    }
    OK(call(SYS_chown, "f", 0, 0));
    FAILS(ENOENT, call(SYS_chown, "missing", 0, 0));
    FAILS(ENOTDIR, call(SYS_chown, "f/x", 0, 0));
    FAILS(EFAULT, call(SYS_chown, nullptr, 0, 0));
    FAILS(EBADF, call(SYS_fchown, 99, 0, 0));
    FAILS(EINVAL, call(SYS_fchownat, AT_FDCWD, "f", 0, 0, 1));
    // A directory with the set-group-ID bit hands on its group.
    OK(mkdir("d", 0755));
    OK(call(SYS_chown, "d", 0, 42));
    OK(chmod("d", 02755));
    IS(1, make_file("d/g", "x"));
    OK(stat("d/g", &status));
    IS(42, status.st_gid);
    OK(mkdir("d/e", 0755));
    IS(S_IFDIR | 02755, mode_of("d/e"));
    OK(rmdir("d/e"));
    OK(unlink("d/g"));
    OK(rmdir("d"));
}

long modified(const char* path) {
    const long result = stat(path, &status);
    return result < 0 ? result : status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

long changed(const char* path) {
    const long result = stat(path, &status);
    return result < 0 ? result : status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec;
}

long utimensat(const char* path, timespec access, timespec modification, int flags = 0) {
    static timespec both[2];
    both[0] = access;
    both[1] = modification;
    return call(SYS_utimensat, AT_FDCWD, path, both, flags);
}

}  // namespace

void attributes() {
    IS(4, make_file("f", "text"));
    asking();
    permissions();
    owners();
    OK(unlink("f"));
}

void times() {
    IS(4, make_file("f", "text"));
    OK(utimensat("f", {100, 123'000}, {200, 456'000}));
    OK(stat("f", &status));
    IS(100, status.st_atim.tv_sec);
    IS(200, status.st_mtim.tv_sec);
    IS(123'000, status.st_atim.tv_nsec);
    IS(456'000, status.st_mtim.tv_nsec);
    OK(utimensat("f", {0, UTIME_OMIT}, {300, 0}));
    OK(stat("f", &status));
    IS(100, status.st_atim.tv_sec);
    IS(300, status.st_mtim.tv_sec);
    OK(utimensat("f", {0, UTIME_NOW}, {0, UTIME_OMIT}));
    OK(stat("f", &status));
    IS(true, status.st_atim.tv_sec > 1'000'000);
    IS(300, status.st_mtim.tv_sec);
    FAILS(EINVAL, utimensat("f", {0, 1'000'000'000}, {0, 0}));
    FAILS(EINVAL, utimensat("f", {0, -1}, {0, 0}));
    FAILS(EINVAL, utimensat("f", {0, 0}, {0, 0}, 1));
    FAILS(ENOENT, utimensat("missing", {0, 0}, {0, 0}));
    OK(utimensat("missing", {0, UTIME_OMIT}, {0, UTIME_OMIT}));
    FAILS(EFAULT, call(SYS_utimensat, AT_FDCWD, "f", 1L, 0));
    FAILS(EBADF, call(SYS_utimensat, 99, nullptr, nullptr, 0));
    IS(3, open("f", O_RDWR));
    OK(call(SYS_utimensat, 3, nullptr, nullptr, 0));
    IS(true, modified("f") > 1'000'000'000'000'000);
    FAILS(EINVAL, call(SYS_utimensat, 3, nullptr, nullptr, AT_SYMLINK_NOFOLLOW));
    // What changes contents changes both times; what changes attributes, only the one.
    OK(utimensat("f", {1, 0}, {1, 0}));
    IS(1, write(3, "x", 1));
    IS(true, modified("f") > 1'000'000'000'000'000);
    OK(utimensat("f", {1, 0}, {1, 0}));
    OK(ftruncate(3, 1));
    IS(true, modified("f") > 1'000'000'000'000'000);
    OK(utimensat("f", {1, 0}, {1, 0}));
    OK(chmod("f", 0600));
    IS(1'000'000'000, modified("f"));
    IS(true, changed("f") > 1'000'000'000'000'000);
    IS(0, write(3, "x", 0));
    IS(1'000'000'000, modified("f"));
    OK(close(3));
    OK(mkdir("d", 0755));
    OK(utimensat("d", {1, 0}, {1, 0}));
    IS(1, make_file("d/f", "x"));
    IS(true, modified("d") > 1'000'000'000'000'000);
    OK(utimensat("d", {1, 0}, {1, 0}));
    OK(unlink("d/f"));
    IS(true, modified("d") > 1'000'000'000'000'000);
    OK(rmdir("d"));
    OK(unlink("f"));
}

}  // namespace file_ops
