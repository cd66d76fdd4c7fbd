// stat, statx, access, chmod, chown, utimensat and relatives, statfs, extended attributes
#include <sys/time.h>
#include <utime.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

Status status;
struct ::statx extended;
timespec times[2];
timeval seconds[2];
utimbuf whole;

long statx(int directory, const char* path, int flags, unsigned mask) {
    std::memset(&extended, 0, sizeof extended);
    return call(SYS_statx, directory, path, flags, mask, &extended);
}
long change_times(int directory, const char* path, const timespec* t, int flags) { return call(SYS_utimensat, directory, path, t, flags); }
void set_times(long access, long access_ns, long modification, long modification_ns) {
    times[0] = {access, access_ns};
    times[1] = {modification, modification_ns};
}
void show_times(const char* path) {
    lstat(path, &status);
    std::fprintf(output, "times of %s: %ld.%09ld %ld.%09ld\n", path, status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec,
                 status.st_mtim.tv_nsec);
}

void attributes() {
    CHECK(make_file("f", "12345"));
    CHECK(stat("f", &status));
    CHECK(status.st_size);
    CHECK(status.st_nlink);
    CHECK(status.st_uid);
    if (!limited) CHECK(status.st_blksize);
    CHECK(status.st_blocks);
    CHECK(stat("missing", &status));
    CHECK(stat("", &status));
    CHECK(stat("f", nullptr));
    CHECK(fstat(99, &status));
    CHECK(call(SYS_newfstatat, AT_FDCWD, "", &status, AT_EMPTY_PATH));
    CHECK(status.st_mode & S_IFMT);
    CHECK(call(SYS_newfstatat, AT_FDCWD, "f", &status, 1));
    CHECK(open("f", O_RDONLY));
    CHECK(call(SYS_newfstatat, 3, "", &status, AT_EMPTY_PATH));
    CHECK(call(SYS_newfstatat, 3, "", &status, 0));
    CHECK(call(SYS_newfstatat, 3, "x", &status, 0));
    CHECK(status.st_size);
    CHECK(statx(3, "", AT_EMPTY_PATH, STATX_BASIC_STATS));
    CHECK(extended.stx_size);
    CHECK(extended.stx_mode);
    CHECK((extended.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    CHECK(statx(AT_FDCWD, "missing", 0, STATX_SIZE));
    CHECK(statx(AT_FDCWD, "f", 0x8000000, STATX_SIZE));
    CHECK(statx(AT_FDCWD, "f", 0, 0x80000000));
    CHECK(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_SIZE));
    CHECK(close(3));
    CHECK(symlink("f", "s"));
    CHECK(lstat("s", &status));
    CHECK(status.st_size);
    CHECK(stat("s", &status));
    CHECK(status.st_size);
    CHECK(unlink("s"));
}

void permissions() {
    CHECK(access("f", F_OK));
    CHECK(access("f", R_OK | W_OK));
    CHECK(access("f", X_OK));
    CHECK(access("f", 8));
    CHECK(access("missing", F_OK));
    CHECK(chmod("f", 0755));
    CHECK(access("f", X_OK));
    CHECK(mode_of("f"));
    CHECK(chmod("f", 07000));
    CHECK(mode_of("f"));
    CHECK(chmod("f", 0100644));
    CHECK(chmod("missing", 0644));
    CHECK(call(SYS_fchmodat, AT_FDCWD, "f", 0600));
    CHECK(call(SYS_faccessat, AT_FDCWD, "f", R_OK));
    CHECK(call(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
    CHECK(call(SYS_faccessat2, AT_FDCWD, "f", R_OK, 1));
    CHECK(open("f", O_RDWR));
    CHECK(call(SYS_fchmod, 3, 06775));
    CHECK(call(SYS_fchown, 3, 1, 2));
    CHECK(mode_of("f"));
    CHECK(fstat(3, &status));
    CHECK(status.st_uid);
    CHECK(status.st_gid);
    CHECK(call(SYS_chown, "f", -1, 5));
    CHECK(call(SYS_lchown, "f", 7, -1));
    CHECK(call(SYS_fchownat, AT_FDCWD, "f", -1, -1, 0));
    CHECK(call(SYS_fchownat, 3, "", 8, 9, AT_EMPTY_PATH));
    CHECK(call(SYS_fchownat, AT_FDCWD, "f", 8, 9, 3));
    CHECK(call(SYS_chown, "missing", 1, 1));
    CHECK(stat("f", &status));
    CHECK(status.st_uid);
    CHECK(status.st_gid);
    CHECK(close(3));
    CHECK(call(SYS_fchmod, 3, 0644));
    CHECK(call(SYS_chown, "f", 0, 0));
    CHECK(mkdir("group", 02755));
    CHECK(chmod("group", 02755));
    CHECK(call(SYS_chown, "group", 0, 12));
    CHECK(make_file("group/f", ""));
    CHECK(mkdir("group/d", 0755));
    CHECK(stat("group/f", &status));
    CHECK(status.st_gid);
    CHECK(mode_of("group/d"));
    CHECK(unlink("group/f"));
    CHECK(rmdir("group/d"));
    CHECK(rmdir("group"));
}

void file_times() {
    set_times(1000, 5, 2000, 999999999);
    CHECK(change_times(AT_FDCWD, "f", times, 0));
    show_times("f");
    set_times(3000, 0, 1, UTIME_OMIT);
    CHECK(change_times(AT_FDCWD, "f", times, 0));
    show_times("f");
    set_times(0, UTIME_OMIT, 0, UTIME_OMIT);
    CHECK(change_times(AT_FDCWD, "missing", times, 0));
    set_times(-5, 250, 7, 7);
    CHECK(change_times(AT_FDCWD, "f", times, 0));
    show_times("f");
    set_times(1, 1000000000, 1, 1);
    CHECK(change_times(AT_FDCWD, "f", times, 0));
    set_times(1, 1, 1, -1);
    CHECK(change_times(AT_FDCWD, "f", times, 0));
    set_times(10, 1, 20, 2);
    CHECK(open("f", O_RDONLY));
    CHECK(change_times(3, nullptr, times, 0));
    show_times("f");
    CHECK(change_times(99, nullptr, times, 0));
    CHECK(change_times(AT_FDCWD, nullptr, times, 0));
    CHECK(change_times(3, nullptr, times, AT_SYMLINK_NOFOLLOW));
    CHECK(change_times(AT_FDCWD, "f", times, 1));
    CHECK(close(3));
    seconds[0] = {100, 5};
    seconds[1] = {200, 6};
    CHECK(call(SYS_utimes, "f", seconds));
    show_times("f");
    seconds[1] = {200, 1000000};
    CHECK(call(SYS_utimes, "f", seconds));
    seconds[1] = {300, 7};
    CHECK(call(SYS_futimesat, AT_FDCWD, "f", seconds));
    show_times("f");
    whole = {11, 22};
    CHECK(call(SYS_utime, "f", &whole));
    show_times("f");
    CHECK(call(SYS_utime, "missing", &whole));
    CHECK(symlink("f", "s"));
    set_times(1, 1, 2, 2);
    CHECK(change_times(AT_FDCWD, "s", times, AT_SYMLINK_NOFOLLOW));
    show_times("f");
    CHECK(unlink("s"));
    // A write moves the modification time on, a change of mode does not.
    CHECK(chmod("f", 0600));
    show_times("f");
    CHECK(make_file("f", "later"));
    CHECK(stat("f", &status));
    CHECK(status.st_mtim.tv_sec > 1000000);
    CHECK(change_times(AT_FDCWD, "f", nullptr, 0));
    CHECK(stat("f", &status));
    CHECK(status.st_atim.tv_sec > 1000000);
}

void file_systems() {
    static struct ::statfs system;
    CHECK(call(SYS_statfs, ".", &system));
    if (!limited) {
        CHECK(system.f_type);
        CHECK(system.f_bsize);
    }
    CHECK(system.f_namelen);
    CHECK(system.f_bfree <= system.f_blocks);
    CHECK(call(SYS_statfs, "missing", &system));
    CHECK(call(SYS_statfs, ".", nullptr));
    CHECK(open("f", O_RDONLY));
    CHECK(call(SYS_fstatfs, 3, &system));
    CHECK(call(SYS_fstatfs, 99, &system));
    CHECK(close(3));
    CHECK(call(SYS_statfs, "/proc", &system));
    CHECK(system.f_type);
}

void extended_attributes() {
    static char value[16];
    if (!limited) CHECK(call(SYS_getxattr, "f", "trusted.absent", value, sizeof value));
    CHECK(call(SYS_getxattr, "f", "nonsense", value, sizeof value));
    CHECK(call(SYS_getxattr, "f", "", value, sizeof value));
    CHECK(call(SYS_getxattr, "missing", "trusted.absent", value, sizeof value));
    CHECK(call(SYS_fgetxattr, 99, "trusted.absent", value, sizeof value));
    if (!limited) CHECK(call(SYS_removexattr, "f", "trusted.absent"));
    CHECK(call(SYS_setxattr, "f", "nonsense", value, 1, 0));
    CHECK(call(SYS_listxattr, "missing", value, sizeof value));
}

}  // namespace

void stat_checks() {
    attributes();
    permissions();
    file_times();
    file_systems();
    extended_attributes();
    CHECK(unlink("f"));
    show_directory(".");
}

}  // namespace file_ops
