// open, openat, openat2, creat, close, close_range
#include <linux/openat2.h>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[64];
open_how how;

long openat2(int directory, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve, size_t size = sizeof how) {
    how = {flags, mode, resolve};
    return call(SYS_openat2, directory, path, &how, size);
}

void creation() {
    CHECK(open("missing", O_RDONLY));
    CHECK(open("", O_RDONLY));
    CHECK(open("missing/file", O_CREAT | O_RDWR, 0644));
    CHECK(open("file", O_CREAT | O_RDWR, 0666));
    CHECK(mode_of("file"));
    CHECK(open("file", O_CREAT | O_EXCL | O_RDWR, 0644));
    CHECK(open("file", O_CREAT | O_RDONLY, 0600));
    CHECK(close(4));
    CHECK(close(4));
    CHECK(close(-1));
    CHECK(close(1000));
    CHECK(write(3, "hello", 5));
    CHECK(open("file", O_RDONLY | O_TRUNC));
    CHECK(size_of("file"));
    CHECK(close(4));
    CHECK(close(3));
    CHECK(open("file/", O_RDONLY));
    CHECK(open("file/x", O_RDONLY));
    CHECK(open("new/", O_CREAT | O_RDWR, 0644));
    CHECK(open("file/", O_CREAT | O_RDWR, 0644));
    CHECK(open("file", O_DIRECTORY));
    CHECK(call(SYS_creat, "created", 0777));
    CHECK(read(3, buffer, 1));
    CHECK(close(3));
    CHECK(mode_of("created"));
    CHECK(call(SYS_umask, 077));
    CHECK(open("masked", O_CREAT | O_WRONLY, 04777));
    CHECK(call(SYS_umask, 022));
    CHECK(mode_of("masked"));
    CHECK(close(3));
    CHECK(open(reinterpret_cast<const char*>(8), O_RDONLY));
    CHECK(open(nullptr, O_RDONLY));
    for (const char* name : {"file", "created", "masked"}) CHECK(unlink(name));
}

void directories() {
    CHECK(mkdir("d", 0755));
    CHECK(open("d", O_RDONLY));
    CHECK(read(3, buffer, 1));
    CHECK(write(3, buffer, 1));
    CHECK(open("d", O_RDWR));
    CHECK(open("d", O_WRONLY));
    CHECK(open("d", O_RDONLY | O_TRUNC));
    CHECK(open("d", O_RDONLY | O_CREAT, 0644));
    CHECK(open("d", O_RDONLY | O_CREAT | O_EXCL, 0644));
    CHECK(open("d/", O_RDONLY | O_DIRECTORY));
    CHECK(close(4));
    CHECK(openat(3, "f", O_CREAT | O_WRONLY, 0640));
    CHECK(close(4));
    CHECK(openat(3, "../d/f", O_RDONLY));
    CHECK(openat(4, "f", O_RDONLY));
    CHECK(openat(99, "f", O_RDONLY));
    CHECK(openat(-5, "f", O_RDONLY));
    CHECK(openat(AT_FDCWD, "d/f", O_RDONLY));
    CHECK(openat(99, "/dev/null", O_RDONLY));
    CHECK(call(SYS_close_range, 4, 6, 0));
    CHECK(call(SYS_close_range, 6, 4, 0));
    CHECK(call(SYS_close_range, 4, 6, 99));
    CHECK(openat(3, "", O_RDONLY));
    CHECK(close(3));
    CHECK(unlink("d/f"));
    CHECK(rmdir("d"));
}

void path_descriptors() {
    CHECK(make_file("f", "contents"));
    CHECK(symlink("f", "s"));
    CHECK(open("f", O_PATH));
    CHECK(read(3, buffer, 1));
    CHECK(write(3, buffer, 1));
    CHECK(lseek(3, 0, SEEK_SET));
    CHECK(fcntl(3, F_GETFL));
    CHECK(fcntl(3, F_SETFL, 0));
    CHECK(ftruncate(3, 0));
    CHECK(call(SYS_fchmod, 3, 0600));
    CHECK(call(SYS_ioctl, 3, 0x5401, buffer));
    CHECK(call(SYS_dup, 3));
    CHECK(call(SYS_close_range, 3, 4, 0));
    CHECK(open("s", O_RDONLY | O_NOFOLLOW));
    CHECK(open("s", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    CHECK(open("s", O_PATH | O_NOFOLLOW));
    CHECK(call(SYS_readlinkat, 3, "", buffer, sizeof buffer));
    CHECK(close(3));
    CHECK(open("s", O_RDONLY | O_CREAT | O_EXCL, 0644));
    CHECK(unlink("f"));
    CHECK(open("s", O_RDONLY));
    CHECK(open("s", O_WRONLY | O_CREAT, 0644));
    CHECK(mode_of("f"));
    CHECK(close(3));
    CHECK(unlink("f"));
    CHECK(unlink("s"));
}

void flags() {
    CHECK(open("f", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644));
    CHECK(fcntl(3, F_GETFL));
    CHECK(fcntl(3, F_GETFD));
    CHECK(fcntl(3, F_SETFL, O_RDONLY));
    CHECK(fcntl(3, F_GETFL));
    CHECK(close(3));
    CHECK(open("f", O_ACCMODE));
    CHECK(read(3, buffer, 1));
    CHECK(write(3, buffer, 1));
    CHECK(close(3));
    if (unnamed_files) {
        CHECK(open(".", O_TMPFILE | O_RDWR, 0600));
        CHECK(write(3, "gone", 4));
        CHECK(lseek(3, 0, SEEK_SET));
        CHECK(read(3, buffer, 8));
        CHECK(close(3));
    }
    CHECK(open(".", O_TMPFILE | O_RDONLY, 0600));
    CHECK(open("f", O_TMPFILE | O_RDWR, 0600));
    CHECK(unlink("f"));
}

void restricted() {
    CHECK(mkdir("top", 0755));
    CHECK(mkdir("top/in", 0755));
    CHECK(make_file("top/f", "inside"));
    CHECK(make_file("outside", "outside"));
    CHECK(symlink("../outside", "top/up"));
    CHECK(symlink("/dev/null", "top/absolute"));
    CHECK(symlink("f", "top/plain"));
    CHECK(open("top", O_PATH | O_DIRECTORY));
    CHECK(openat2(3, "f", O_RDONLY, 0, 0));
    CHECK(close(4));
    CHECK(openat2(3, "../outside", O_RDONLY, 0, RESOLVE_BENEATH));
    CHECK(openat2(3, "in/../f", O_RDONLY, 0, RESOLVE_BENEATH));
    CHECK(close(4));
    CHECK(openat2(3, "up", O_RDONLY, 0, RESOLVE_BENEATH));
    CHECK(openat2(3, "absolute", O_RDONLY, 0, RESOLVE_BENEATH));
    CHECK(openat2(3, "/f", O_RDONLY, 0, RESOLVE_BENEATH));
    CHECK(openat2(3, "/f", O_RDONLY, 0, RESOLVE_IN_ROOT));
    CHECK(close(4));
    CHECK(openat2(3, "../../f", O_RDONLY, 0, RESOLVE_IN_ROOT));
    CHECK(close(4));
    CHECK(openat2(3, "up", O_RDONLY, 0, RESOLVE_IN_ROOT));
    CHECK(openat2(3, "plain", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
    CHECK(openat2(3, "f", O_RDONLY, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
    CHECK(close(4));
    CHECK(openat2(AT_FDCWD, "/dev/null", O_RDONLY, 0, RESOLVE_NO_XDEV));
    CHECK(openat2(3, "f", O_RDONLY, 0644, 0));
    CHECK(openat2(3, "f", O_RDONLY, 0, 0x1000));
    CHECK(openat2(3, "f", uint64_t{1} << 40, 0, 0));
    CHECK(openat2(3, "f", O_CREAT | O_RDWR, 0x10000, 0));
    CHECK(openat2(3, "f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    CHECK(openat2(3, "f", O_PATH | O_RDWR, 0, 0));
    CHECK(openat2(3, "f", O_RDONLY, 0, 0, 8));
    CHECK(close(3));
    for (const char* name : {"top/f", "top/up", "top/absolute", "top/plain", "outside"}) CHECK(unlink(name));
    CHECK(rmdir("top/in"));
    CHECK(rmdir("top"));
}

void limits() {
    int last = 0;
    long result = 0;
    while ((result = open("/dev/null", O_RDONLY)) >= 0) last = static_cast<int>(result);
    CHECK(last);
    CHECK(result);
    CHECK(close(500));
    CHECK(open("/dev/null", O_RDONLY));
    CHECK(call(SYS_dup, 0));
    CHECK(call(SYS_close_range, 3, ~0U, 0));
    CHECK(open("/dev/null", O_RDONLY));
    CHECK(close(3));
}

}  // namespace

void open_checks() {
    creation();
    directories();
    path_descriptors();
    flags();
    restricted();
    limits();
    show_directory(".");
}

}  // namespace file_ops
