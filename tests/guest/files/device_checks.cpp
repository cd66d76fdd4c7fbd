// /dev/null and its neighbours, /proc/self/fd
#include <asm/ioctls.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[512];
Status status;

void show_device(const char* path) {
    const long result = stat(path, &status);
    std::fprintf(output, "device %s: %ld %o %lx\n", path, result, status.st_mode & S_IFMT, status.st_rdev);
}

void memory_devices() {
    for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) show_device(path);
    CHECK(open("/dev/null", O_RDWR));
    CHECK(read(3, buffer, 10));
    CHECK(write(3, buffer, 10));
    CHECK(write(3, nullptr, 10));
    CHECK(lseek(3, 100, SEEK_SET));
    CHECK(pread(3, buffer, 10, 5));
    CHECK(pwrite(3, buffer, 10, 5));
    CHECK(ftruncate(3, 0));
    CHECK(call(SYS_fsync, 3));
    CHECK(call(SYS_ioctl, 3, TCGETS, buffer));
    CHECK(close(3));
    CHECK(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0644));
    CHECK(close(3));
    CHECK(open("/dev/zero", O_RDWR));
    std::memset(buffer, 1, sizeof buffer);
    CHECK(read(3, buffer, 100));
    CHECK(buffer[99]);
    CHECK(buffer[100]);
    CHECK(write(3, buffer, 100));
    CHECK(close(3));
    CHECK(open("/dev/full", O_RDWR));
    CHECK(write(3, buffer, 100));
    CHECK(read(3, buffer, 100));
    CHECK(close(3));
    CHECK(open("/dev/urandom", O_RDONLY));
    CHECK(read(3, buffer, 512));
    CHECK(read(3, nullptr, 5));
    CHECK(close(3));
    CHECK(open("/dev/missing", O_RDONLY));
    CHECK(open("/dev/null/x", O_RDONLY));
}

void descriptor_links() {
    CHECK(make_file("f", "through the link"));
    CHECK(open("f", O_RDONLY));
    CHECK(open("/proc/self/fd/3", O_RDONLY));
    CHECK(read(4, buffer, 7));
    CHECK(lseek(3, 0, SEEK_CUR));
    CHECK(close(4));
    CHECK(unlink("f"));
    CHECK(open("/proc/self/fd/3", O_RDONLY));
    CHECK(read(4, buffer, 100));
    CHECK(close(4));
    const long length = call(SYS_readlink, "/proc/self/fd/3", buffer, sizeof buffer);
    CHECK(std::memcmp(buffer + length - 12, "/f (deleted)", 12));
    CHECK(open("/proc/self/fd/99", O_RDONLY));
    CHECK(open("/proc/self/fd/x", O_RDONLY));
    CHECK(open("/dev/fd/3", O_RDONLY));
    CHECK(close(4));
    CHECK(lstat("/proc/self/fd/3", &status));
    CHECK(status.st_mode);
    CHECK(close(3));
    CHECK(open("/proc/self/maps", O_RDONLY));
    CHECK(read(3, buffer, sizeof buffer) > 0);
    CHECK(close(3));
    CHECK(open("/proc/missing", O_RDONLY));
}

}  // namespace

void device_checks() {
    memory_devices();
    descriptor_links();
    show_directory(".");
}

}  // namespace file_ops
