// Files without names: O_TMPFILE and how they get one, memfd_create; and what statx tells of roots
#include <sys/mman.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[300];
struct ::statx status;

long linkat(int from_directory, const char* from, const char* to, int flags) {
    return call(SYS_linkat, from_directory, from, AT_FDCWD, to, flags);
}
long links_of_descriptor(int fd) {
    Status s;
    const long result = fstat(fd, &s);
    return result < 0 ? result : static_cast<long>(s.st_nlink);
}
// Whether a link of /proc/self/fd ends like this.
bool link_ends_with(const char* path, const char* text) {
    const long size = call(SYS_readlink, path, buffer, sizeof buffer);
    const auto length = static_cast<long>(std::strlen(text));
    return size >= length && std::memcmp(buffer + size - length, text, static_cast<size_t>(length)) == 0;
}

void becoming_named() {
    CHECK(mkdir("d", 0755));
    CHECK(open("d", O_TMPFILE | O_RDWR, 0640));
    CHECK(links_of_descriptor(3));
    CHECK(write(3, "named later", 11));
    CHECK(link_ends_with("/proc/self/fd/3", " (deleted)"));
    CHECK(std::strstr(buffer, "/d/#") != nullptr);
    show_directory("d");
    CHECK(linkat(3, "", "d/name", AT_EMPTY_PATH));
    CHECK(links_of_descriptor(3));
    CHECK(mode_of("d/name"));
    show("d/name");
    CHECK(linkat(AT_FDCWD, "/proc/self/fd/3", "d/second", AT_SYMLINK_FOLLOW));
    CHECK(linkat(AT_FDCWD, "/proc/self/fd/3", "d/second", AT_SYMLINK_FOLLOW));
    CHECK(linkat(AT_FDCWD, "/proc/self/fd/3", "d/third", 0));
    CHECK(links_of_descriptor(3));
    CHECK(unlink("d/name"));
    CHECK(unlink("d/second"));
    CHECK(links_of_descriptor(3));
    // A file that has lost its last name stays without.
    CHECK(linkat(3, "", "d/name", AT_EMPTY_PATH));
    CHECK(linkat(AT_FDCWD, "/proc/self/fd/3", "d/name", AT_SYMLINK_FOLLOW));
    CHECK(close(3));
    CHECK(open("d", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    CHECK(linkat(3, "", "d/name", AT_EMPTY_PATH));
    CHECK(linkat(AT_FDCWD, "/proc/self/fd/3", "d/name", AT_SYMLINK_FOLLOW));
    CHECK(close(3));
    CHECK(open("missing", O_TMPFILE | O_RDWR, 0600));
    CHECK(open("d", O_TMPFILE | O_WRONLY, 0600));
    CHECK(close(3));
    CHECK(open("d", O_TMPFILE | O_RDWR | O_CREAT, 0600));
    CHECK(open("d", O_RDONLY | O_DIRECTORY));
    CHECK(linkat(3, "", "d/directory", AT_EMPTY_PATH));
    CHECK(linkat(99, "", "d/name", AT_EMPTY_PATH));
    CHECK(linkat(3, "", "d/name", 0));
    CHECK(rmdir("d"));
    CHECK(openat(3, ".", O_TMPFILE | O_RDWR, 0600));
    CHECK(linkat(4, "", "late", AT_EMPTY_PATH));
    CHECK(close(4));
    CHECK(close(3));
    CHECK(unlink("late"));
}

void memory_files() {
    CHECK(call(SYS_memfd_create, "plain", 0));
    CHECK(fcntl(3, F_GET_SEALS));
    CHECK(linkat(3, "", "name", AT_EMPTY_PATH));
    CHECK(close(3));
    constexpr int no_exec_seal = 8;
    constexpr int executable = 16;
    CHECK(call(SYS_memfd_create, "x", executable | no_exec_seal));
    CHECK(call(SYS_memfd_create, "x", executable));
    CHECK(call(SYS_fchmod, 3, 0644));
    CHECK(fcntl(3, F_ADD_SEALS, F_SEAL_GROW));
    CHECK(close(3));
    CHECK(call(SYS_memfd_create, "x", no_exec_seal));
    CHECK(fcntl(3, F_GET_SEALS));
    CHECK(call(SYS_fchmod, 3, 0777));
    CHECK(call(SYS_fchmod, 3, 0600));
    CHECK(write(3, "text", 4));
    CHECK(fcntl(3, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK));
    CHECK(write(3, "more", 4));
    CHECK(pwrite(3, "over", 4, 0));
    CHECK(pwrite(3, "over", 4, 2));
    CHECK(call(SYS_fallocate, 3, 0, 0, 100));
    CHECK(call(SYS_fallocate, 3, 3, 0, 4));
    CHECK(pread(3, buffer, 4, 0));
    CHECK(buffer[0]);
    CHECK(fcntl(3, F_ADD_SEALS, F_SEAL_WRITE));
    CHECK(call(SYS_fallocate, 3, 3, 0, 4));
    CHECK(open("/proc/self/fd/3", O_RDONLY));
    CHECK(fcntl(4, F_ADD_SEALS, F_SEAL_SEAL));
    CHECK(close(4));
    CHECK(close(3));
}

long attributes_of(int directory, const char* path, int flags) {
    status = {};
    const long result = call(SYS_statx, directory, path, flags, STATX_BASIC_STATS, &status);
    return result < 0 ? result : static_cast<long>(status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

void roots() {
    CHECK(attributes_of(AT_FDCWD, "/proc", 0));
    CHECK(attributes_of(AT_FDCWD, "/", 0));
    CHECK(attributes_of(AT_FDCWD, ".", 0));
    CHECK(attributes_of(AT_FDCWD, "missing", 0));
    CHECK(attributes_of(AT_FDCWD, ".", 0x8000));
    CHECK(status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
}

void modes() {
    CHECK(make_file("f", "x"));
    CHECK(symlink("f", "s"));
    CHECK(call(452, AT_FDCWD, "s", 0600, 0));
    CHECK(mode_of("f"));
    CHECK(call(452, AT_FDCWD, "s", 0600, AT_SYMLINK_NOFOLLOW));
    CHECK(call(452, AT_FDCWD, "f", 0640, AT_SYMLINK_NOFOLLOW));
    CHECK(open("f", O_PATH));
    CHECK(call(452, 3, "", 0444, AT_EMPTY_PATH));
    CHECK(call(452, 3, "", 0444, 0));
    CHECK(call(452, 3, "", 0444, 1));
    CHECK(mode_of("f"));
    CHECK(close(3));
    CHECK(unlink("s"));
    CHECK(unlink("f"));
}

}  // namespace

void unnamed_checks() {
    becoming_named();
    memory_files();
    roots();
    modes();
    show_directory(".");
}

}  // namespace file_ops
