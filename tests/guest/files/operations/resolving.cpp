// How a path leads to a file (path_resolution(7)), and openat2(2), which restricts that
#include <linux/openat2.h>

#include <cstring>

#include "expect.hpp"

namespace file_ops {

namespace {

long openat2(int directory, const char* path, uint64_t flags, uint64_t resolve, uint64_t mode = 0, size_t size = sizeof(open_how)) {
    static uint64_t words[4];
    open_how how{};
    how.flags = flags;
    how.mode = mode;
    how.resolve = resolve;
    std::memcpy(words, &how, sizeof how);
    return call(SYS_openat2, directory, path, words, size);
}

// Opens, closes, and tells which it was.
long opens(int directory, const char* path, uint64_t resolve) {
    const long fd = openat2(directory, path, O_RDONLY, resolve);
    if (fd < 0) return fd;
    close(static_cast<int>(fd));
    return 0;
}

void arguments() {
    FAILS(EINVAL, openat2(AT_FDCWD, "d", O_RDONLY, 0, 0, 8));
    FAILS(EINVAL, openat2(AT_FDCWD, "d", 1ULL << 40, 0));
    FAILS(EINVAL, openat2(AT_FDCWD, "d", O_RDONLY, 1 << 20));
    FAILS(EINVAL, openat2(AT_FDCWD, "d", O_RDONLY, 0, 0600));
    FAILS(EINVAL, openat2(AT_FDCWD, "n", O_WRONLY | O_CREAT, 0, 010000));
    FAILS(EINVAL, openat2(AT_FDCWD, "d", O_PATH | O_RDWR, 0));
    FAILS(EINVAL, openat2(AT_FDCWD, "d", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    FAILS(EFAULT, call(SYS_openat2, AT_FDCWD, "d", nullptr, sizeof(open_how)));
    FAILS(ENOENT, openat2(AT_FDCWD, "missing", O_RDONLY, 0));
    IS(3, openat2(AT_FDCWD, "n", O_WRONLY | O_CREAT | O_EXCL, 0, 0640));
    OK(close(3));
    IS(0100640, mode_of("n"));
    OK(unlink("n"));
}

void restrictions() {
    IS(0, opens(AT_FDCWD, "d/e/f", RESOLVE_BENEATH));
    IS(0, opens(AT_FDCWD, "d/e/../e/f", RESOLVE_BENEATH));
    FAILS(EXDEV, opens(AT_FDCWD, "../", RESOLVE_BENEATH));
    FAILS(EXDEV, opens(AT_FDCWD, "/", RESOLVE_BENEATH));
    IS(3, open("d", O_RDONLY | O_DIRECTORY));
    FAILS(EXDEV, opens(3, "../d/e/f", RESOLVE_BENEATH));
    IS(0, opens(3, "../../e/f", RESOLVE_IN_ROOT));
    IS(0, opens(3, "/e/f", RESOLVE_IN_ROOT));
    FAILS(ENOENT, opens(3, "/d/e/f", RESOLVE_IN_ROOT));
    FAILS(EXDEV, opens(AT_FDCWD, "/proc", RESOLVE_NO_XDEV));
    FAILS(ELOOP, opens(AT_FDCWD, "/proc/self/fd/3", RESOLVE_NO_MAGICLINKS));
    OK(close(3));
}

void symbolic_links() {
    if (!has(Feature::SymbolicLinks, "paths through symbolic links")) return;
    OK(symlink("d", "to_d"));
    OK(symlink("e/f", "d/to_f"));
    OK(symlink("../../d", "d/e/up"));
    OK(symlink("missing", "dangling"));
    OK(symlink("loop", "loop"));
    OK(symlink("two", "one"));
    OK(symlink("one", "two"));
    IS(true, contains("to_d/to_f", "text"));
    IS(true, contains("to_d/e/up/e/up/to_f", "text"));
    IS(0, opens(AT_FDCWD, "to_d/e/up/to_f", RESOLVE_BENEATH));
    FAILS(ELOOP, opens(AT_FDCWD, "to_d/e", RESOLVE_NO_SYMLINKS));
    FAILS(ELOOP, opens(AT_FDCWD, "d/to_f", RESOLVE_NO_SYMLINKS));
    FAILS(ELOOP, open("loop", O_RDONLY));
    FAILS(ELOOP, open("one/x", O_RDONLY));
    FAILS(ELOOP, open("d/to_f", O_RDONLY | O_NOFOLLOW));
    FAILS(ELOOP, open("to_d", O_RDONLY | O_NOFOLLOW));
    FAILS(ENOTDIR, open("to_d", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    IS(3, open("to_d/", O_RDONLY | O_NOFOLLOW));
    OK(close(3));
    IS(3, open("to_d", O_PATH | O_NOFOLLOW));
    static char text[8];
    IS(1, call(SYS_readlinkat, 3, "", text, sizeof text));
    OK(close(3));
    FAILS(ENOENT, open("dangling", O_RDONLY));
    FAILS(EEXIST, open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600));
    IS(3, open("dangling", O_WRONLY | O_CREAT, 0600));
    OK(close(3));
    IS(0, size_of("missing"));
    OK(unlink("missing"));
    // 40 links are followed, no more.
    static char name[16], target[16];
    OK(symlink("d", "chain0"));
    for (int i = 1; i <= 40; ++i) {
        std::snprintf(name, sizeof name, "chain%d", i);
        std::snprintf(target, sizeof target, "chain%d", i - 1);
        OK(symlink(target, name));
    }
    IS(0, opens(AT_FDCWD, "chain39", 0));
    FAILS(ELOOP, opens(AT_FDCWD, "chain40", 0));
    for (int i = 0; i <= 40; ++i) {
        std::snprintf(name, sizeof name, "chain%d", i);
        OK(unlink(name));
    }
    for (const char* const link : {"to_d", "d/to_f", "d/e/up", "dangling", "loop", "one", "two"}) OK(unlink(link));
}

void directories() {
    static char buffer[4096];
    FAILS(ENOENT, chdir("missing"));
    FAILS(ENOTDIR, chdir("d/e/f"));
    FAILS(ENAMETOOLONG, chdir(too_long_name));
    FAILS(EFAULT, chdir(nullptr));
    FAILS(EBADF, call(SYS_fchdir, 99));
    IS(3, open("d/e/f", O_RDONLY));
    FAILS(ENOTDIR, call(SYS_fchdir, 3));
    OK(close(3));
    FAILS(ERANGE, call(SYS_getcwd, buffer, 2));
    FAILS(EFAULT, call(SYS_getcwd, nullptr, 4096));
    OK(chdir("d/e"));
    const long size = call(SYS_getcwd, buffer, sizeof buffer);
    OK(size);
    IS(0, size < 5 ? 1 : std::strcmp(buffer + size - 5, "/d/e"));
    OK(chdir("../.."));
    // A working directory that was removed.
    OK(mkdir("gone", 0755));
    OK(chdir("gone"));
    OK(rmdir("../gone"));
    FAILS(ENOENT, call(SYS_getcwd, buffer, sizeof buffer));
    FAILS(ENOENT, open("x", O_WRONLY | O_CREAT, 0600));
    FAILS(ENOENT, mkdir("x", 0700));
    IS(3, open(".", O_RDONLY));
    FAILS(ENOENT, call(SYS_getdents64, 3, buffer, sizeof buffer));
    OK(close(3));
    OK(chdir(".."));
}

// Handles are given by some file systems only, here by none; so these are the errors that all have.
void handles() {
    static struct {
        file_handle handle;
        unsigned char bytes[MAX_HANDLE_SZ];
    } named;
    static int mount;
    FAILS(EINVAL, call(SYS_name_to_handle_at, AT_FDCWD, "d", &named, &mount, 0x8000));
    FAILS(ENOENT, call(SYS_name_to_handle_at, AT_FDCWD, "missing", &named, &mount, 0));
    FAILS(ENOTDIR, call(SYS_name_to_handle_at, AT_FDCWD, "d/e/f/x", &named, &mount, 0));
    FAILS(EBADF, call(SYS_name_to_handle_at, 99, "d", &named, &mount, 0));
    FAILS(EFAULT, call(SYS_name_to_handle_at, AT_FDCWD, nullptr, &named, &mount, 0));
    FAILS(EFAULT, call(SYS_open_by_handle_at, AT_FDCWD, nullptr, O_RDONLY));
    FAILS(EINVAL, call(SYS_open_by_handle_at, AT_FDCWD, &named, O_RDONLY));
    named.handle.handle_bytes = MAX_HANDLE_SZ + 1;
    FAILS(EINVAL, call(SYS_open_by_handle_at, AT_FDCWD, &named, O_RDONLY));
    named.handle.handle_bytes = MAX_HANDLE_SZ;
    FAILS(EBADF, call(SYS_open_by_handle_at, 99, &named, O_RDONLY));
}

}  // namespace

void resolving() {
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    IS(4, make_file("d/e/f", "text"));
    IS(true, contains("d//e/./../e///f", "text"));
    arguments();
    restrictions();
    symbolic_links();
    directories();
    handles();
    OK(unlink("d/e/f"));
    OK(rmdir("d/e"));
    OK(rmdir("d"));
}

}  // namespace file_ops
