// inotify: which events come for what, in which order
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/uio.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

alignas(8) char events[4096];
char buffer[4096];
int number;

constexpr int instance = 3;

long add(const char* path, uint32_t mask) { return call(SYS_inotify_add_watch, instance, path, mask); }
long remove_watch(int watch) { return call(SYS_inotify_rm_watch, instance, watch); }

// Prints all events that are queued. Cookies are numbered as they appear.
void show_events(const char* after) {
    uint32_t cookies[8] = {};
    std::fprintf(output, "after %s:", after);
    for (long size; (size = read(instance, events, sizeof events)) > 0;) {
        for (long at = 0; at < size;) {
            inotify_event event;
            std::memcpy(&event, events + at, sizeof event);
            int cookie = 0;
            while (event.cookie != 0 && cookies[cookie] != event.cookie && cookies[cookie] != 0) ++cookie;
            if (event.cookie != 0) cookies[cookie] = event.cookie;
            std::fprintf(output, " %d:%x", event.wd, event.mask);
            if (event.cookie != 0) std::fprintf(output, ":move%d", cookie);
            const char* const name = events + at + sizeof event;
            // Files without a name go by their number.
            if (event.len != 0) std::fprintf(output, ":%s(%u)", name[0] == '#' ? "#" : name, event.len);
            at += static_cast<long>(sizeof event + event.len);
        }
    }
    std::fprintf(output, "\n");
}
#define EVENTS(statement)      \
    do {                       \
        CHECK(statement);      \
        show_events(#statement); \
    } while (false)

void instances() {
    CHECK(call(SYS_inotify_init1, 1));
    CHECK(call(SYS_inotify_init1, IN_CLOEXEC));
    CHECK(fcntl(3, F_GETFD));
    CHECK(fcntl(3, F_GETFL));
    CHECK(close(3));
    CHECK(call(SYS_inotify_init1, IN_NONBLOCK));
    CHECK(read(3, events, sizeof events));
    CHECK(write(3, events, 1));
    CHECK(lseek(3, 0, SEEK_SET));
    CHECK(add("missing", IN_OPEN));
    CHECK(add(".", 0));
    CHECK(add(".", IN_ONESHOT));
    CHECK(remove_watch(1));
    CHECK(make_file("f", "x"));
    CHECK(add("f", IN_OPEN | IN_ONLYDIR));
    CHECK(add(".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
    CHECK(call(SYS_inotify_add_watch, 99, ".", IN_OPEN));
    CHECK(call(SYS_inotify_add_watch, 0, ".", IN_OPEN));
    CHECK(call(SYS_inotify_rm_watch, 99, 1));
    CHECK(call(SYS_inotify_rm_watch, 0, 1));
    CHECK(remove_watch(7));
    CHECK(unlink("f"));
    show_events("nothing");
}

void names() {
    CHECK(mkdir("d", 0755));
    CHECK(mkdir("e", 0755));
    CHECK(add("d", IN_ALL_EVENTS));
    EVENTS(open("d/f", O_CREAT | O_RDWR, 0644));
    EVENTS(close(4));
    EVENTS(mkdir("d/sub", 0755));
    EVENTS(symlink("f", "d/s"));
    EVENTS(call(SYS_mknod, "d/fifo", S_IFIFO | 0600, 0));
    EVENTS(link("d/f", "d/g"));
    EVENTS(rename("d/f", "d/h"));
    EVENTS(rename("d/h", "e/h"));
    EVENTS(rename("e/h", "d/f"));
    EVENTS(rename("d/sub", "d/renamed"));
    EVENTS(make_file("d/other", "other"));
    EVENTS(rename("d/other", "d/f"));
    EVENTS(call(SYS_renameat2, AT_FDCWD, "d/f", AT_FDCWD, "d/renamed", RENAME_EXCHANGE));
    EVENTS(call(SYS_renameat2, AT_FDCWD, "d/f", AT_FDCWD, "d/renamed", RENAME_EXCHANGE));
    EVENTS(rename("d/g", "d/g"));
    EVENTS(unlink("d/g"));
    EVENTS(unlink("d/missing"));
    EVENTS(rmdir("d/renamed"));
    EVENTS(mkdir("d/f", 0755));
    for (const char* name : {"d/s", "d/fifo"}) CHECK(unlink(name));
    show_events("unlink");
    if (!unnamed_files) return;
    CHECK(open("d", O_TMPFILE | O_RDWR, 0600));
    show_events("O_TMPFILE");
    CHECK(close(4));
    show_events("its end");
}

void contents() {
    EVENTS(open("d/f", O_RDWR | O_TRUNC));
    EVENTS(write(4, "abc", 3));
    EVENTS(write(4, "", 0));
    CHECK(write(4, "abc", 3));
    EVENTS(write(4, "def", 3));
    EVENTS(pread(4, buffer, 2, 0));
    EVENTS(pread(4, buffer, 2, 100));
    EVENTS(ftruncate(4, 4));
    EVENTS(truncate("d/f", 2));
    EVENTS(call(SYS_fallocate, 4, 0, 0, 10));
    EVENTS(chmod("d/f", 0600));
    EVENTS(call(SYS_fchown, 4, 0, 0));
    EVENTS(call(SYS_utimensat, AT_FDCWD, "d/f", nullptr, 0));
    static timespec times[2] = {{1, 0}, {0, UTIME_OMIT}};
    EVENTS(call(SYS_utimensat, AT_FDCWD, "d/f", times, 0));
    static timespec modified[2] = {{0, UTIME_OMIT}, {1, 0}};
    EVENTS(call(SYS_utimensat, AT_FDCWD, "d/f", modified, 0));
    EVENTS(call(SYS_setxattr, "d/f", "trusted.x", "y", 1, 0));
    EVENTS(call(SYS_removexattr, "d/f", "trusted.x"));
    EVENTS(size_of("d/f"));
    EVENTS(access("d/f", R_OK));
    EVENTS(open("d/f", O_PATH));
    EVENTS(close(5));
    EVENTS(call(SYS_dup, 4));
    EVENTS(close(5));
    EVENTS(close(4));
    EVENTS(open("d/f", O_RDONLY));
    EVENTS(close(4));
    EVENTS(open("d", O_RDONLY | O_DIRECTORY));
    EVENTS(call(SYS_getdents64, 4, buffer, sizeof buffer));
    EVENTS(close(4));
    EVENTS(open("d/missing", O_RDONLY));
    CHECK(open("d/f", O_RDWR));
    CHECK(make_file("e/out", ""));
    CHECK(open("e/out", O_RDWR));
    show_events("opening");
    static long offset = 0;
    EVENTS(call(SYS_sendfile, 5, 4, &offset, 4));
    EVENTS(call(SYS_copy_file_range, 4, nullptr, 5, nullptr, 4, 0));
    CHECK(call(SYS_close_range, 4, 5, 0));
    show_events("close_range");
    CHECK(unlink("e/out"));
}

void watching_itself() {
    CHECK(add("d/f", IN_ALL_EVENTS));
    EVENTS(open("d/f", O_RDWR));
    EVENTS(write(4, "x", 1));
    EVENTS(link("d/f", "e/second"));
    EVENTS(rename("d/f", "d/moved"));
    EVENTS(unlink("e/second"));
    // The file ends when it is closed.
    EVENTS(unlink("d/moved"));
    EVENTS(write(4, "y", 1));
    EVENTS(close(4));
    CHECK(remove_watch(2));
    CHECK(make_file("d/f", "x"));
    show_events("make_file");
    CHECK(add("d/f", IN_ATTRIB | IN_DELETE_SELF));
    EVENTS(unlink("d/f"));
    CHECK(make_file("d/f", "x"));
    CHECK(make_file("d/g", "x"));
    CHECK(add("d/f", IN_ALL_EVENTS));
    show_events("make_file");
    EVENTS(rename("d/g", "d/f"));
    EVENTS(unlink("d/f"));
    CHECK(mkdir("d/sub", 0755));
    CHECK(add("d/sub", IN_ALL_EVENTS));
    show_events("mkdir");
    EVENTS(chmod("d/sub", 0700));
    EVENTS(rename("d/sub", "e/sub"));
    EVENTS(rename("e/sub", "d/sub"));
    EVENTS(rmdir("d/sub"));
}

void masks() {
    CHECK(add("d", IN_CREATE));
    EVENTS(make_file("d/f", "x"));
    CHECK(add("d", IN_DELETE | IN_MASK_ADD));
    CHECK(add("d", IN_DELETE | IN_MASK_CREATE));
    EVENTS(unlink("d/f"));
    CHECK(add("d", IN_DELETE | IN_ONESHOT));
    CHECK(make_file("d/f", "x"));
    CHECK(make_file("d/g", "x"));
    EVENTS(unlink("d/f"));
    EVENTS(unlink("d/g"));
    CHECK(remove_watch(1));
    CHECK(symlink("d", "s"));
    CHECK(add("s", IN_CREATE | IN_DONT_FOLLOW));
    EVENTS(make_file("d/f", "x"));
    CHECK(add("s", IN_CREATE | IN_DONT_FOLLOW | IN_ONLYDIR));
    CHECK(add("s", IN_ALL_EVENTS));
    EVENTS(make_file("d/g", "x"));
    CHECK(open("d/f", O_RDWR));
    CHECK(open("d/g", O_RDWR));
    show_events("open");
    EVENTS(unlink("d/f"));
    EVENTS(write(4, "x", 1));
    CHECK(add("d", IN_ALL_EVENTS | IN_EXCL_UNLINK));
    EVENTS(unlink("d/g"));
    EVENTS(write(5, "x", 1));
    CHECK(call(SYS_close_range, 4, 5, 0));
    show_events("close");
    CHECK(unlink("s"));
}

void reading() {
    CHECK(make_file("d/name", "x"));
    CHECK(call(SYS_ioctl, instance, FIONREAD, &number));
    CHECK(number);
    CHECK(read(instance, events, 16));
    CHECK(read(instance, events, 47));
    CHECK(read(instance, events, 0));
    CHECK(read(instance, nullptr, 100));
    CHECK(read(instance, events, 48));
    static pollfd descriptor{instance, POLLIN | POLLOUT, 0};
    CHECK(call(SYS_poll, &descriptor, 1, 0));
    CHECK(descriptor.revents);
    show_events("reading");
    CHECK(call(SYS_poll, &descriptor, 1, 0));
    CHECK(call(SYS_dup, instance));
    CHECK(make_file("d/name", "y"));
    CHECK(close(instance));
    CHECK(read(4, events, 32));
    CHECK(call(SYS_dup2, 4, instance));
    CHECK(close(4));
    show_events("closing the other");
    CHECK(unlink("d/name"));
    CHECK(call(SYS_readlink, "/proc/self/fd/3", buffer, sizeof buffer));
    CHECK(std::memcmp(buffer, "anon_inode:inotify", 18));
    // Watches end with their instance.
    CHECK(close(instance));
    CHECK(make_file("d/name", "x"));
    CHECK(unlink("d/name"));
}

}  // namespace

void notify_checks() {
    instances();
    names();
    contents();
    watching_itself();
    masks();
    reading();
    CHECK(rmdir("d"));
    CHECK(rmdir("e"));
    show_directory(".");
}

}  // namespace file_ops
