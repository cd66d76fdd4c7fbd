// mkdir(2), rmdir(2), unlink(2), mknod(2), link(2), symlink(2), readlink(2), rename(2)
#include <linux/fs.h>

#include <cstring>

#include "expect.hpp"

namespace file_ops {

namespace {

char buffer[4096];
Status status;

long renameat2(const char* from, const char* to, unsigned flags) { return call(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags); }

void directories() {
    OK(mkdir("d", 0777));
    IS(S_IFDIR | 0755, mode_of("d"));
    IS(2, links_of("d"));
    OK(mkdir("d/sub/", 0700));
    IS(3, links_of("d"));
    FAILS(EEXIST, mkdir("d", 0755));
    FAILS(EEXIST, mkdir("f", 0755));
    FAILS(EEXIST, mkdir(".", 0755));
    FAILS(EEXIST, mkdir("/", 0755));
    FAILS(ENOENT, mkdir("missing/d", 0755));
    FAILS(ENOENT, mkdir("", 0755));
    FAILS(ENOTDIR, mkdir("f/d", 0755));
    FAILS(ENAMETOOLONG, mkdir(too_long_name, 0755));
    FAILS(EFAULT, mkdir(nullptr, 0755));
    FAILS(EBADF, call(SYS_mkdirat, 99, "x", 0755));
    FAILS(ENOTEMPTY, rmdir("d"));
    FAILS(ENOTDIR, rmdir("f"));
    FAILS(ENOENT, rmdir("missing"));
    FAILS(EINVAL, rmdir("d/."));
    FAILS(ENOTEMPTY, rmdir("d/sub/.."));
    FAILS(EBUSY, rmdir("/"));
    FAILS(ENOTDIR, rmdir("f/x"));
    OK(rmdir("d/sub/"));
    IS(2, links_of("d"));
    OK(call(SYS_unlinkat, AT_FDCWD, "d", AT_REMOVEDIR));
    FAILS(ENOENT, mode_of("d"));
}

void removal() {
    OK(mkdir("d", 0755));
    FAILS(EISDIR, unlink("d"));
    FAILS(EISDIR, unlink("."));
    FAILS(ENOENT, unlink("missing"));
    FAILS(ENOENT, unlink(""));
    FAILS(ENOTDIR, unlink("f/x"));
    FAILS(ENOTDIR, unlink("f/"));
    FAILS(ENAMETOOLONG, unlink(too_long_name));
    FAILS(EFAULT, unlink(nullptr));
    FAILS(EINVAL, call(SYS_unlinkat, AT_FDCWD, "f", 1));
    FAILS(ENOTDIR, call(SYS_unlinkat, AT_FDCWD, "f", AT_REMOVEDIR));
    FAILS(EBADF, call(SYS_unlinkat, 99, "f", 0));
    // An open file lives on without a name.
    IS(4, make_file("g", "kept"));
    IS(3, open("g", O_RDWR));
    OK(unlink("g"));
    FAILS(ENOENT, open("g", O_RDONLY));
    IS(4, read(3, buffer, 10));
    IS(4, write(3, "more", 4));
    OK(fstat(3, &status));
    IS(0, status.st_nlink);
    IS(8, status.st_size);
    OK(close(3));
    OK(rmdir("d"));
}

void special_files() {
    OK(call(SYS_mknod, "r", S_IFREG | 0666, 0));
    IS(S_IFREG | 0644, mode_of("r"));
    FAILS(EEXIST, call(SYS_mknod, "r", S_IFREG | 0666, 0));
    FAILS(EPERM, call(SYS_mknod, "x", S_IFDIR | 0755, 0));
    FAILS(EINVAL, call(SYS_mknod, "x", S_IFLNK | 0755, 0));
    FAILS(ENOENT, call(SYS_mknod, "missing/x", S_IFREG | 0600, 0));
    FAILS(ENOENT, call(SYS_mknod, "x/", S_IFREG | 0600, 0));
    OK(unlink("r"));
    if (!has(Feature::Special, "mknod of special files")) return;
    for (const int type : {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK}) {
        OK(call(SYS_mknod, "r", type | 0640, 0x103));
        IS(type | 0640, mode_of("r"));
        OK(unlink("r"));
    }
}

void hard_links() {
    if (!has(Feature::HardLinks, "link")) return;
    OK(mkdir("d", 0755));
    OK(link("f", "d/g"));
    IS(2, links_of("f"));
    static Status a, b;
    OK(stat("f", &a));
    OK(stat("d/g", &b));
    IS(true, a.st_ino == b.st_ino);
    IS(true, contains("d/g", "text"));
    FAILS(EEXIST, link("f", "d/g"));
    FAILS(EEXIST, link("f", "f"));
    FAILS(EPERM, link("d", "e"));
    FAILS(ENOENT, link("missing", "e"));
    FAILS(ENOENT, link("f", "missing/e"));
    FAILS(ENOENT, link("f", "e/"));
    FAILS(ENOTDIR, link("f/x", "e"));
    FAILS(ENOTDIR, link("f", "f/x"));
    FAILS(EXDEV, link("/proc/version", "e"));
    FAILS(ENAMETOOLONG, link("f", too_long_name));
    FAILS(EFAULT, link("f", nullptr));
    FAILS(EINVAL, call(SYS_linkat, AT_FDCWD, "f", AT_FDCWD, "e", 1));
    FAILS(EBADF, call(SYS_linkat, 99, "f", AT_FDCWD, "e", 0));
    IS(3, open("f", O_RDONLY));
    OK(call(SYS_linkat, 3, "", AT_FDCWD, "e", AT_EMPTY_PATH));
    FAILS(ENOENT, call(SYS_linkat, 3, "", AT_FDCWD, "e2", 0));
    IS(3, links_of("e"));
    OK(close(3));
    OK(unlink("e"));
    OK(unlink("d/g"));
    IS(1, links_of("f"));
    // What has lost its last name gets no other.
    IS(1, make_file("g", "x"));
    IS(3, open("g", O_RDONLY));
    OK(unlink("g"));
    FAILS(ENOENT, call(SYS_linkat, 3, "", AT_FDCWD, "g", AT_EMPTY_PATH));
    OK(close(3));
    OK(rmdir("d"));
}

void symbolic_links() {
    if (!has(Feature::SymbolicLinks, "symlink")) return;
    OK(symlink("f", "s"));
    IS(S_IFLNK | 0777, mode_of("s"));
    IS(1, size_of("s"));
    IS(1, call(SYS_readlink, "s", buffer, sizeof buffer));
    IS('f', buffer[0]);
    OK(stat("s", &status));
    IS(4, status.st_size);
    FAILS(EEXIST, symlink("f", "s"));
    FAILS(ENOENT, symlink("", "t"));
    FAILS(ENOENT, symlink("f", "missing/t"));
    FAILS(ENOENT, symlink("f", ""));
    FAILS(ENOENT, symlink("f", "t/"));
    FAILS(ENOTDIR, symlink("f", "f/t"));
    FAILS(EFAULT, symlink(nullptr, "t"));
    FAILS(ENAMETOOLONG, symlink(too_long_path, "t"));
    FAILS(EBADF, call(SYS_symlinkat, "f", 99, "t"));
    FAILS(EINVAL, call(SYS_readlink, "f", buffer, sizeof buffer));
    FAILS(EINVAL, call(SYS_readlink, "s", buffer, 0));
    FAILS(ENOENT, call(SYS_readlink, "missing", buffer, sizeof buffer));
    FAILS(EFAULT, call(SYS_readlink, "s", nullptr, 10));
    FAILS(ENOTDIR, call(SYS_readlink, "f/s", buffer, sizeof buffer));
    // link() links the link, unless it is to follow it.
    if (has(Feature::HardLinks, "links of symbolic links")) {
        OK(link("s", "t"));
        IS(S_IFLNK | 0777, mode_of("t"));
        OK(unlink("t"));
        OK(call(SYS_linkat, AT_FDCWD, "s", AT_FDCWD, "t", AT_SYMLINK_FOLLOW));
        IS(S_IFREG | 0644, mode_of("t"));
        OK(unlink("t"));
    }
    OK(unlink("s"));
    IS(4, size_of("f"));
    static char target[4000];
    std::memset(target, 't', sizeof target - 1);
    OK(symlink(target, "s"));
    IS(3999, call(SYS_readlink, "s", buffer, sizeof buffer));
    IS(100, call(SYS_readlink, "s", buffer, 100));
    OK(unlink("s"));
}

void exchanges() {
    if (!has(Feature::Exchange, "RENAME_EXCHANGE")) return;
    OK(mkdir("d", 0755));
    OK(mkdir("d/sub", 0755));
    OK(renameat2("f", "d", RENAME_EXCHANGE));
    IS(true, contains("d", "text"));
    IS(3, links_of("f"));
    OK(renameat2("d", "f", RENAME_EXCHANGE));
    FAILS(ENOENT, renameat2("f", "missing", RENAME_EXCHANGE));
    FAILS(ENOENT, renameat2("missing", "f", RENAME_EXCHANGE));
    FAILS(EINVAL, renameat2("d", "d/sub", RENAME_EXCHANGE));
    FAILS(EINVAL, renameat2("d/sub", "d", RENAME_EXCHANGE));
    OK(rmdir("d/sub"));
    OK(rmdir("d"));
}

}  // namespace

void naming() {
    IS(4, make_file("f", "text"));
    directories();
    removal();
    special_files();
    OK(unlink("f"));
}

void linking() {
    IS(4, make_file("f", "text"));
    hard_links();
    symbolic_links();
    OK(unlink("f"));
}

void renaming() {
    IS(4, make_file("f", "text"));
    OK(rename("f", "g"));
    FAILS(ENOENT, rename("f", "h"));
    OK(rename("g", "f"));
    OK(rename("f", "f"));
    IS(5, make_file("g", "other"));
    FAILS(EEXIST, renameat2("f", "g", RENAME_NOREPLACE));
    OK(renameat2("g", "h", RENAME_NOREPLACE));
    OK(rename("f", "h"));
    IS(true, contains("h", "text"));
    OK(rename("h", "f"));
    OK(mkdir("d", 0755));
    OK(mkdir("d/sub", 0755));
    OK(mkdir("e", 0755));
    FAILS(EISDIR, rename("f", "d"));
    FAILS(ENOTDIR, rename("d", "f"));
    FAILS(ENOTEMPTY, rename("e", "d"));
    FAILS(EINVAL, rename("d", "d/sub/x"));
    FAILS(EINVAL, rename("d", "d/x"));
    FAILS(ENOTEMPTY, rename("d/sub", "d"));
    FAILS(EBUSY, rename(".", "x"));
    FAILS(EBUSY, rename("f", "."));
    FAILS(EBUSY, rename("d/..", "x"));
    FAILS(EEXIST, renameat2("f", ".", RENAME_NOREPLACE));
    FAILS(ENOENT, rename("", "x"));
    FAILS(ENOENT, rename("f", ""));
    FAILS(ENOENT, rename("missing", "x"));
    FAILS(ENOENT, rename("f", "missing/x"));
    FAILS(ENOTDIR, rename("f", "f/x"));
    FAILS(ENOTDIR, rename("f", "x/"));
    FAILS(ENOTDIR, rename("f/", "x"));
    FAILS(EXDEV, rename("f", "/proc/x"));
    FAILS(ENAMETOOLONG, rename("f", too_long_name));
    FAILS(EFAULT, rename("f", nullptr));
    FAILS(EINVAL, renameat2("f", "x", 64));
    FAILS(EINVAL, renameat2("f", "x", RENAME_NOREPLACE | RENAME_EXCHANGE));
    FAILS(EBADF, call(SYS_renameat, 99, "f", AT_FDCWD, "x"));
    // A directory takes its contents along and knows its new parent.
    IS(3, make_file("d/sub/in", "in!"));
    OK(rename("d/sub", "e/moved/"));
    IS(2, links_of("d"));
    IS(3, links_of("e"));
    IS(true, contains("e/moved/in", "in!"));
    static Status a, b;
    OK(stat("e/moved/..", &a));
    OK(stat("e", &b));
    IS(true, a.st_ino == b.st_ino);
    OK(unlink("e/moved/in"));
    OK(rename("e/moved", "d"));
    OK(rmdir("d"));
    OK(rmdir("e"));
    // Renaming one name of a file to another does nothing.
    if (has(Feature::HardLinks, "rename between names of one file")) {
        OK(link("f", "g"));
        OK(rename("f", "g"));
        IS(2, links_of("f"));
        OK(unlink("g"));
    }
    // What was replaced lives on while it is open.
    IS(3, make_file("g", "old"));
    IS(3, open("g", O_RDONLY));
    OK(rename("f", "g"));
    IS(3, read(3, buffer, 10));
    OK(close(3));
    OK(rename("g", "f"));
    exchanges();
    OK(unlink("f"));
}

}  // namespace file_ops
