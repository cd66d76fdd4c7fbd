// open(2), openat(2), creat(2), openat2(2)
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "expect.hpp"

namespace file_ops {

namespace {

Status status;
char buffer[256];

void creation() {
    FAILS(ENOENT, open("f", O_RDWR));
    IS(3, open("f", O_RDWR | O_CREAT | O_EXCL, 0666));
    IS(0100644, mode_of("f"));
    IS(3, write(3, "abc", 3));
    OK(close(3));
    FAILS(EEXIST, open("f", O_RDWR | O_CREAT | O_EXCL, 0600));
    FAILS(EEXIST, open(".", O_RDONLY | O_CREAT | O_EXCL, 0600));
    IS(3, open("f", O_WRONLY | O_CREAT, 0600));
    OK(close(3));
    IS(0100644, mode_of("f"));
    IS(3, size_of("f"));
    IS(3, open("f", O_WRONLY | O_TRUNC));
    OK(close(3));
    IS(0, size_of("f"));
    IS(3, call(SYS_creat, "f", 0600));
    FAILS(EBADF, read(3, buffer, 1));
    OK(close(3));
    // The mode does not bind the descriptor that creates the file.
    IS(3, open("g", O_RDWR | O_CREAT, 0));
    IS(1, write(3, "x", 1));
    OK(close(3));
    IS(0100000, mode_of("g"));
    OK(unlink("g"));
    FAILS(EISDIR, open("new/", O_WRONLY | O_CREAT, 0600));
    FAILS(ENOENT, open("new/x", O_WRONLY | O_CREAT, 0600));
    IS(3, open(longest_name, O_WRONLY | O_CREAT, 0600));
    OK(close(3));
    OK(unlink(longest_name));
    FAILS(ENAMETOOLONG, open(too_long_name, O_WRONLY | O_CREAT, 0600));
    FAILS(ENAMETOOLONG, open(too_long_path, O_RDONLY));
    for (const char* const name : {"with space", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", "new\nline", "-", "back\\slash"}) {
        IS(1, make_file(name, "x"));
        IS(1, size_of(name));
        OK(unlink(name));
    }
}

void errors() {
    OK(mkdir("d", 0755));
    FAILS(EFAULT, open(nullptr, O_RDONLY));
    FAILS(ENOENT, open("", O_RDONLY));
    FAILS(ENOTDIR, open("f/x", O_RDONLY));
    FAILS(ENOTDIR, open("f/", O_RDONLY));
    FAILS(ENOTDIR, open("f/.", O_RDONLY));
    FAILS(ENOTDIR, open("f/..", O_RDONLY));
    FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
    FAILS(EISDIR, open("d", O_WRONLY));
    FAILS(EISDIR, open("d", O_RDWR));
    FAILS(EISDIR, open("d", O_RDONLY | O_CREAT, 0600));
    FAILS(EISDIR, open("d", O_RDONLY | O_TRUNC));
    FAILS(ENOENT, open("d/missing", O_RDONLY));
    FAILS(ENOENT, open("missing/f", O_RDONLY));
    IS(3, open("d", O_RDONLY | O_DIRECTORY));
    IS(4, openat(3, "f", O_RDWR | O_CREAT, 0600));
    OK(close(4));
    IS(0, size_of("d/f"));
    IS(4, openat(3, "../f", O_RDONLY));
    FAILS(ENOTDIR, openat(4, "f", O_RDONLY));
    FAILS(EBADF, openat(99, "f", O_RDONLY));
    IS(5, openat(99, "/", O_RDONLY));
    OK(call(SYS_close_range, 3, 5, 0));
    OK(unlink("d/f"));
}

void status_flags() {
    IS(3, open("f", O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK));
    IS(FD_CLOEXEC, fcntl(3, F_GETFD));
    IS(O_RDWR | O_APPEND | O_NONBLOCK, fcntl(3, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_CREAT | O_TRUNC));
    OK(close(3));
    for (const int flag : {O_DSYNC, O_SYNC}) {
        IS(3, open("f", O_RDWR | O_TRUNC | flag));
        IS(flag, fcntl(3, F_GETFL) & O_SYNC);
        IS(4, write(3, "sync", 4));
        OK(close(3));
    }
    IS(true, contains("f", "sync"));
}

// O_PATH: a place in the tree, not an open file.
void paths() {
    IS(3, open("f", O_PATH | O_RDWR | O_TRUNC));
    IS(4, size_of("f"));
    FAILS(EBADF, read(3, buffer, 1));
    FAILS(EBADF, write(3, buffer, 1));
    FAILS(EBADF, lseek(3, 0, SEEK_SET));
    FAILS(EBADF, call(SYS_fchmod, 3, 0600));
    FAILS(EBADF, call(SYS_fchown, 3, 0, 0));
    FAILS(EBADF, ftruncate(3, 0));
    FAILS(EBADF, call(SYS_fsync, 3));
    FAILS(EBADF, call(SYS_flock, 3, 2));
    FAILS(EBADF, call(SYS_fgetxattr, 3, "user.x", &status, 1));
    FAILS(EBADF, call(SYS_mmap, nullptr, 4096, 1, 1, 3, 0));
    IS(O_PATH, fcntl(3, F_GETFL) & ~0100000);
    OK(fstat(3, &status));
    IS(4, status.st_size);
    OK(call(SYS_newfstatat, 3, "", &status, AT_EMPTY_PATH));
    IS(4, fcntl(3, F_DUPFD, 3));
    OK(call(SYS_close_range, 3, 4, 0));
    IS(3, open("d", O_PATH | O_DIRECTORY));
    FAILS(EBADF, call(SYS_getdents64, 3, buffer, sizeof buffer));
    IS(4, openat(3, "../f", O_RDONLY));
    OK(call(SYS_fchdir, 3));
    OK(chdir(".."));
    OK(call(SYS_close_range, 3, 4, 0));
    FAILS(ENOTDIR, open("f", O_PATH | O_DIRECTORY));
}

void nodes() {
    if (!has(Feature::Special, "opening special files")) return;
    OK(call(SYS_mknod, "fifo", S_IFIFO | 0600, 0));
    FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
    IS(3, open("fifo", O_RDONLY | O_NONBLOCK));
    IS(4, open("fifo", O_WRONLY | O_NONBLOCK));
    IS(4, write(4, "fifo", 4));
    IS(4, read(3, buffer, sizeof buffer));
    FAILS(EAGAIN, read(3, buffer, sizeof buffer));
    FAILS(ESPIPE, lseek(3, 0, SEEK_SET));
    OK(close(3));
    FAILS(EPIPE, write(4, "fifo", 4));
    OK(close(4));
    OK(unlink("fifo"));
    OK(call(SYS_mknod, "socket", S_IFSOCK | 0600, 0));
    FAILS(ENXIO, open("socket", O_RDONLY));
    IS(3, open("socket", O_PATH));
    OK(close(3));
    OK(unlink("socket"));
}

}  // namespace

void opening() {
    creation();
    errors();
    status_flags();
    paths();
    nodes();
    OK(unlink("f"));
    OK(rmdir("d"));
}

void opening_unnamed() {
    if (!has(Feature::Unnamed, "O_TMPFILE")) return;
    FAILS(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
    FAILS(ENOENT, open("missing", O_TMPFILE | O_RDWR, 0600));
    IS(1, make_file("f", "x"));
    FAILS(ENOTDIR, open("f", O_TMPFILE | O_RDWR, 0600));
    OK(unlink("f"));
    IS(3, open(".", O_TMPFILE | O_RDWR, 0600));
    OK(fstat(3, &status));
    IS(0, status.st_nlink);
    IS(S_IFREG | 0600, status.st_mode);
    IS(7, write(3, "unnamed", 7));
    FAILS(ENOENT, call(SYS_linkat, AT_FDCWD, "/proc/self/fd/3", AT_FDCWD, "missing/f", AT_SYMLINK_FOLLOW));
    OK(call(SYS_linkat, AT_FDCWD, "/proc/self/fd/3", AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
    FAILS(EEXIST, call(SYS_linkat, 3, "", AT_FDCWD, "f", AT_EMPTY_PATH));
    IS(true, contains("f", "unnamed"));
    IS(1, links_of("f"));
    OK(close(3));
    OK(unlink("f"));
    IS(3, open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    FAILS(ENOENT, call(SYS_linkat, 3, "", AT_FDCWD, "f", AT_EMPTY_PATH));
    OK(close(3));
}

}  // namespace file_ops
