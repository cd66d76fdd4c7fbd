// Ranges locked by fcntl: those of the process, and those of open file descriptions
#include <sys/file.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

struct ::flock lock;

long set(int fd, int command, int type, long start, long length, int whence = SEEK_SET) {
    lock = {};
    lock.l_type = static_cast<short>(type);
    lock.l_whence = static_cast<short>(whence);
    lock.l_start = start;
    lock.l_len = length;
    return call(SYS_fcntl, fd, command, &lock);
}

// What is in the way, and whose it is: the process's numbers differ.
void show_obstacle(int fd, int command, int type, long start, long length) {
    const long result = set(fd, command, type, start, length);
    const char* const owner = lock.l_pid < 0 ? "description" : lock.l_pid > 0 ? "process" : "nobody";
    std::fprintf(output, "obstacle for %d of type %d at %ld, %ld: %ld type %d whence %d start %ld length %ld of %s\n", fd, type, start, length,
                 result, lock.l_type, lock.l_whence, lock.l_start, lock.l_len, owner);
}

// Descriptors 3 and 4 are different descriptions of one file.
void descriptions() {
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 10, 10));
    CHECK(set(4, F_OFD_SETLK, F_WRLCK, 15, 10));
    CHECK(set(4, F_OFD_SETLK, F_RDLCK, 19, 1));
    CHECK(set(4, F_OFD_SETLK, F_WRLCK, 20, 10));
    CHECK(set(4, F_OFD_SETLK, F_WRLCK, 0, 10));
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 0, 0);
    show_obstacle(4, F_OFD_GETLK, F_RDLCK, 12, 2);
    show_obstacle(3, F_OFD_GETLK, F_RDLCK, 12, 2);
    show_obstacle(3, F_OFD_GETLK, F_RDLCK, 5, 100);
    show_obstacle(3, F_OFD_GETLK, F_UNLCK, 0, 0);
    show_obstacle(3, F_GETLK, F_WRLCK, 11, 1);
    CHECK(set(3, F_SETLK, F_WRLCK, 11, 1));
    CHECK(set(3, F_OFD_SETLK, F_RDLCK, 12, 4));
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 11, 100);
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 13, 100);
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 16, 100);
    CHECK(set(4, F_OFD_SETLK, F_RDLCK, 13, 2));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 12, 1));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 12, 4));
    CHECK(set(3, F_OFD_SETLK, F_UNLCK, 0, 0));
    show_obstacle(3, F_OFD_GETLK, F_WRLCK, 0, 0);
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHECK(call(SYS_dup, 4));
    CHECK(set(5, F_OFD_SETLK, F_RDLCK, 100, 1));
    CHECK(close(4));
    show_obstacle(3, F_OFD_GETLK, F_WRLCK, 50, 100);
    CHECK(close(5));
    show_obstacle(3, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHECK(open("f", O_RDWR));
}

// Neighbours of one type become one lock; a hole makes two of it.
void merging() {
    CHECK(set(3, F_OFD_SETLK, F_RDLCK, 0, 10));
    CHECK(set(3, F_OFD_SETLK, F_RDLCK, 20, 10));
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHECK(set(3, F_OFD_SETLK, F_RDLCK, 10, 10));
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHECK(set(3, F_OFD_SETLK, F_UNLCK, 5, 20));
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 0, 0);
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 5, 0);
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 3, 24));
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 0, 0);
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 3, 0);
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 27, 0);
    CHECK(set(3, F_OFD_SETLK, F_UNLCK, 0, 0));
}

void places() {
    CHECK(lseek(3, 6, SEEK_SET));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 1, 1, SEEK_CUR));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, -1, 1, SEEK_END));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 5, -2));
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 0, 0);
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 5, 0);
    show_obstacle(4, F_OFD_GETLK, F_WRLCK, 8, 0);
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, -7, 1, SEEK_CUR));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, -11, 1, SEEK_END));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, INT64_MAX, 1, SEEK_CUR));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 2, INT64_MAX));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 0, INT64_MAX));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 0, -1));
    CHECK(set(3, F_OFD_SETLK, 9, 0, 1));
    CHECK(set(3, F_OFD_SETLK, F_WRLCK, 0, 1, 7));
    CHECK(set(3, F_OFD_GETLK, 9, 0, 1));
    CHECK(set(3, F_GETLK, F_UNLCK, 0, 1));
    lock = {};
    lock.l_pid = 1;
    CHECK(call(SYS_fcntl, 3, F_OFD_SETLK, &lock));
    CHECK(call(SYS_fcntl, 3, F_OFD_SETLK, nullptr));
    CHECK(open("f", O_RDONLY));
    CHECK(set(5, F_OFD_SETLK, F_WRLCK, 900, 1));
    CHECK(set(5, F_OFD_SETLK, F_UNLCK, 900, 1));
    CHECK(close(5));
    CHECK(set(3, F_OFD_SETLK, F_UNLCK, 0, 0));
}

void of_the_process() {
    CHECK(set(3, F_SETLK, F_WRLCK, 0, 10));
    show_obstacle(3, F_GETLK, F_WRLCK, 0, 0);
    show_obstacle(3, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHECK(set(4, F_OFD_SETLK, F_RDLCK, 5, 1));
    CHECK(set(4, F_SETLK, F_RDLCK, 5, 1));
    CHECK(set(4, F_OFD_SETLK, F_RDLCK, 5, 1));
    // Closing any descriptor of the file gives them up.
    CHECK(open("f", O_RDONLY));
    CHECK(close(5));
    show_obstacle(3, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHECK(set(3, F_SETLK, F_RDLCK, 0, 10));
    CHECK(call(SYS_dup, 3));
    CHECK(call(SYS_dup2, 4, 5));
    show_obstacle(3, F_OFD_GETLK, F_WRLCK, 0, 2);
    CHECK(set(3, F_SETLK, F_RDLCK, 0, 10));
    CHECK(call(SYS_close_range, 5, 5, 0));
    show_obstacle(3, F_OFD_GETLK, F_WRLCK, 0, 2);
    // The two kinds of locks do not meet.
    CHECK(call(SYS_flock, 3, LOCK_EX | LOCK_NB));
    CHECK(set(4, F_OFD_SETLK, F_WRLCK, 0, 0));
    CHECK(call(SYS_flock, 4, LOCK_EX | LOCK_NB));
    CHECK(call(SYS_flock, 3, LOCK_UN | LOCK_NB));
    CHECK(call(SYS_flock, 4, LOCK_EX | LOCK_NB));
    CHECK(call(SYS_flock, 3, LOCK_UN));
    CHECK(call(SYS_flock, 3, LOCK_SH | LOCK_NB));
}

}  // namespace

void lock_checks() {
    CHECK(make_file("f", "0123456789"));
    CHECK(open("f", O_RDWR));
    CHECK(open("f", O_RDWR));
    descriptions();
    merging();
    places();
    of_the_process();
    CHECK(call(SYS_close_range, 3, 4, 0));
    CHECK(unlink("f"));
    show_directory(".");
}

}  // namespace file_ops
