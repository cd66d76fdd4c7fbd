// Exercises mounts below the directory that is the argument: on Linux in a mount namespace of its own.
#include <linux/fs.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[65536];

long through_c_library(long number, long a, long b, long c, long d, long e, long f) {
    const long result = ::syscall(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
}

// False when this kernel lets us have no mounts of our own.
bool enter_namespace() {
    utsname name{};
    if (::uname(&name) == 0 && std::strstr(name.release, "eremite")) return true;
    return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

long mount(const char* source, const char* target, const char* type, unsigned long flags, const char* data = nullptr) {
    return call(SYS_mount, source, target, type, flags, data);
}
long umount(const char* target, int flags = 0) { return call(SYS_umount2, target, flags); }
long rename2(const char* from, const char* to, unsigned flags) { return call(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags); }

long flags_of(const char* path) {
    static struct statfs status;
    const long result = call(SYS_statfs, path, &status);
    return result < 0 ? result : status.f_flags & ST_RDONLY;
}

// Whether two paths are on the same device.
bool same_device(const char* a, const char* b) {
    Status one;
    Status other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev;
}

// The lines of a file that contain the text, up to the last field that is the same everywhere.
void show_lines(const char* path, const char* text) {
    const long fd = open(path, O_RDONLY);
    std::string all;
    for (long n = 0; (n = read(static_cast<int>(fd), buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(n));
    close(static_cast<int>(fd));
    for (size_t at = 0; at < all.size();) {
        const size_t end = std::min(all.find('\n', at), all.size());
        std::string line = all.substr(at, end - at);
        at = end + 1;
        if (line.find(text) == line.npos) continue;
        const bool info = line.find(" - ") != line.npos;
        // mountinfo: point and type; mounts: source, point, type, and the first option
        // The directory's name has the number of the process in it.
        const size_t number = line.find("mount_ops.") + std::strlen("mount_ops.");
        line.erase(number, line.find('/', number) - number);
        const size_t start = info ? line.find(" / ") + 3 : 0;
        std::fprintf(output, "%s: %s\n", path, line.substr(start, line.find_first_of(", ", line.find(info ? " - tmpfs" : " tmpfs ") + 8) - start).c_str());
    }
}

void mounting() {
    CHECK(mkdir("m", 0755));
    CHECK(make_file("m/hidden", "below"));
    CHECK(make_file("file", "x"));
    CHECK(mount("one", "missing", "tmpfs", 0));
    CHECK(mount("one", "file", "tmpfs", 0));
    CHECK(mount("one", "m", "no such type", 0));
    CHECK(mount("one", "m", nullptr, 0));
    CHECK(mount("one", "m", "tmpfs", 0, "mode=9"));
    CHECK(mount("one", "m", "tmpfs", 0, "nothing=1"));
    CHECK(umount("m"));
    CHECK(umount("missing"));
    CHECK(mount("one two", "m", "tmpfs", 0, "mode=0750"));
    CHECK(mode_of("m"));
    CHECK(mode_of("m/hidden"));
    CHECK(same_device("m", "."));
    CHECK(same_device("m/..", "."));
    show_lines("/proc/mounts", "/m tmpfs");
    show_lines("/proc/self/mountinfo", "/m ");
    show_directory("m");
    CHECK(make_file("m/f", "above"));
    CHECK(mkdir("m/d", 0755));
    show("m/../m/d/../f");
    CHECK(chdir("m/d"));
    CHECK(call(SYS_getcwd, buffer, sizeof buffer) > 0);
    std::fprintf(output, "%s\n", std::strrchr(buffer, '/') - 2);
    CHECK(umount("../../m"));
    CHECK(chdir("../.."));
    CHECK(size_of("file"));
}

void borders() {
    CHECK(rename("file", "m/file"));
    CHECK(rename("m/f", "f"));
    CHECK(rename2("file", "m/f", RENAME_EXCHANGE));
    CHECK(link("file", "m/link"));
    CHECK(link("m/f", "link"));
    CHECK(rename("m", "n"));
    CHECK(mkdir("other", 0755));
    CHECK(rename("other", "m"));
    CHECK(rename2("other", "m", RENAME_EXCHANGE));
    CHECK(rmdir("other"));
    CHECK(rmdir("m"));
    CHECK(unlink("m"));
    CHECK(rename("m/.", "n"));
    CHECK(call(SYS_unlinkat, AT_FDCWD, "m/", AT_REMOVEDIR));
    // The resolution that stays on one file system.
    struct {
        uint64_t flags, mode, resolve;
    } how{O_RDONLY, 0, 1};
    CHECK(call(SYS_openat2, AT_FDCWD, "m/f", &how, sizeof how));
    CHECK(call(SYS_openat2, AT_FDCWD, "file", &how, sizeof how));
    CHECK(close(3));
    CHECK(open("m", O_RDONLY | O_DIRECTORY));
    CHECK(call(SYS_openat2, 3, "..", &how, sizeof how));
    CHECK(call(SYS_openat2, 3, "f", &how, sizeof how));
    CHECK(close(4));
    CHECK(openat(3, "../file", O_RDONLY));
    CHECK(close(4));
    CHECK(umount("m"));
    CHECK(close(3));
    CHECK(call(SYS_copy_file_range, 99, nullptr, 98, nullptr, 1, 0));
    CHECK(symlink("m", "s"));
    CHECK(size_of("s/f"));
    CHECK(umount("s", UMOUNT_NOFOLLOW));
    CHECK(unlink("s"));
}

void stacks() {
    CHECK(mount("two", "m", "tmpfs", MS_NOSUID | MS_NODEV));
    CHECK(size_of("m/f"));
    CHECK(mode_of("m"));
    CHECK(umount("m"));
    CHECK(size_of("m/f"));
    CHECK(mount("three", "m/d", "tmpfs", 0));
    CHECK(make_file("m/d/deep", "deep"));
    CHECK(umount("m"));
    CHECK(open("m/d/deep", O_RDWR));
    CHECK(umount("m/d"));
    CHECK(umount("m", MNT_EXPIRE | MNT_FORCE));
    CHECK(umount("m", 0x80));
    CHECK(umount("m", MNT_DETACH));
    CHECK(size_of("m/f"));
    CHECK(size_of("m/hidden"));
    CHECK(read(3, buffer, 10));
    CHECK(write(3, "er", 2));
    CHECK(lseek(3, 0, SEEK_END));
    CHECK(close(3));
    CHECK(umount("m"));
}

void read_only() {
    CHECK(mount("ro", "m", "tmpfs", 0));
    CHECK(make_file("m/f", "text"));
    CHECK(mkdir("m/d", 0755));
    CHECK(symlink("f", "m/s"));
    CHECK(call(SYS_mknod, "m/null", S_IFCHR | 0666, 0x103));
    CHECK(flags_of("m"));
    CHECK(mount("ro", "m", nullptr, MS_REMOUNT | MS_RDONLY));
    CHECK(flags_of("m"));
    CHECK(flags_of("."));
    show_lines("/proc/mounts", "/m tmpfs");
    show("m/f");
    CHECK(open("m/f", O_RDWR));
    CHECK(open("m/f", O_RDONLY | O_TRUNC));
    CHECK(open("m/new", O_RDWR | O_CREAT, 0644));
    CHECK(open("m/f", O_RDONLY | O_CREAT, 0644));
    CHECK(close(3));
    CHECK(open("m/f", O_RDONLY | O_CREAT | O_EXCL, 0644));
    CHECK(open("m/d", O_RDWR));
    CHECK(open("m/d", O_RDWR | O_TMPFILE, 0644));
    CHECK(open("m/null", O_RDWR));
    CHECK(write(3, "x", 1));
    CHECK(close(3));
    CHECK(mkdir("m/e", 0755));
    CHECK(mkdir("m/d", 0755));
    CHECK(rmdir("m/d"));
    CHECK(rmdir("m/missing"));
    CHECK(unlink("m/f"));
    CHECK(unlink("m/missing"));
    CHECK(unlink("m/d"));
    CHECK(rename("m/f", "m/g"));
    CHECK(rename("m/missing", "m/g"));
    CHECK(rename("m/f", "f"));
    CHECK(link("m/f", "m/g"));
    CHECK(link("m/missing", "m/g"));
    CHECK(link("m/f", "m/d"));
    CHECK(link("m/f", "outside"));
    CHECK(symlink("x", "m/x"));
    CHECK(symlink("x", "m/s"));
    CHECK(call(SYS_mknod, "m/n", S_IFIFO | 0644, 0));
    CHECK(chmod("m/f", 0600));
    CHECK(chmod("m/missing", 0600));
    CHECK(call(SYS_chown, "m/f", 1, 1));
    CHECK(call(SYS_lchown, "m/s", 1, 1));
    CHECK(call(SYS_utimensat, AT_FDCWD, "m/f", nullptr, 0));
    CHECK(truncate("m/f", 0));
    CHECK(truncate("m/d", 0));
    CHECK(access("m/f", R_OK));
    CHECK(access("m/f", W_OK));
    CHECK(access("m/d", W_OK));
    CHECK(access("m/s", W_OK));
    CHECK(access("m/null", W_OK));
    CHECK(call(SYS_setxattr, "m/f", "trusted.a", "b", 1, 0));
    CHECK(call(SYS_removexattr, "m/f", "trusted.a"));
    CHECK(mount("ro", "m", nullptr, MS_REMOUNT));
    CHECK(make_file("m/f", "writable"));
    show("m/f");
    CHECK(umount("m"));
    CHECK(mount("ro", "m", "tmpfs", MS_RDONLY));
    CHECK(make_file("m/f", "no"));
    CHECK(umount("m"));
    CHECK(mount("ro", "file", nullptr, MS_REMOUNT | MS_RDONLY));
    CHECK(mount("none", "m", nullptr, MS_PRIVATE));
    CHECK(mount("none", "m", nullptr, MS_PRIVATE | MS_RDONLY));
}

// A tree that is deeper than any recursion could go, ended by its unmounting.
void deep_tree() {
    CHECK(mount("deep", "m", "tmpfs", 0));
    CHECK(open(".", O_RDONLY | O_DIRECTORY));
    CHECK(chdir("m"));
    int depth = 0;
    while (depth < 20000 && mkdir("d", 0755) == 0 && chdir("d") == 0) ++depth;
    CHECK(depth);
    CHECK(make_file("bottom", "end"));
    CHECK(call(SYS_fchdir, 3));
    CHECK(close(3));
    CHECK(umount("m"));
    // Who works below keeps what it has.
    CHECK(mount("kept", "m", "tmpfs", 0));
    CHECK(mkdir("m/a", 0755));
    CHECK(mkdir("m/a/b", 0755));
    CHECK(open(".", O_RDONLY | O_DIRECTORY));
    CHECK(chdir("m/a/b"));
    CHECK(call(SYS_umount2, "../..", MNT_DETACH));
    CHECK(make_file("f", "detached"));
    show("f");
    CHECK(call(SYS_fchdir, 3));
    CHECK(close(3));
    show_directory("m");
}

int run(const char* parent) {
    if (!enter_namespace()) {
        std::fprintf(stderr, "no mount namespace: %s\n", std::strerror(errno));
        return 77;
    }
    system_call = through_c_library;
    static char directory[256];
    std::snprintf(directory, sizeof directory, "%s/mount_ops.%d", parent, static_cast<int>(::getpid()));
    if (mkdir(directory, 0755) != 0 || chdir(directory) != 0) {
        std::fprintf(stderr, "mount_ops: %s: %s\n", directory, std::strerror(errno));
        return 2;
    }
    call(SYS_close_range, 3, ~0U, 0);
    call(SYS_umask, 022);
    mounting();
    borders();
    stacks();
    read_only();
    deep_tree();
    for (const char* name : {"m/hidden", "file"}) CHECK(unlink(name));
    CHECK(rmdir("m"));
    show_directory(".");
    return rmdir(directory) == 0 ? 0 : 1;
}

}  // namespace

}  // namespace file_ops

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: mount_ops DIRECTORY\n");
        return 2;
    }
    return file_ops::run(argv[1]);
}
