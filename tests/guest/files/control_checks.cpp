// dup, fcntl, flock, ioctl, poll, select
#include <asm/ioctls.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[64];
struct ::flock lock;
pollfd descriptors[4];
int number;

long set_lock(int fd, int command, short type, long start, long length, short whence = SEEK_SET) {
    lock = {};
    lock.l_type = type;
    lock.l_whence = whence;
    lock.l_start = start;
    lock.l_len = length;
    return call(SYS_fcntl, fd, command, &lock);
}

void duplicates() {
    CHECK(open("f", O_RDWR | O_CREAT, 0644));
    CHECK(call(SYS_dup, 3));
    CHECK(write(3, "abc", 3));
    CHECK(lseek(4, 0, SEEK_CUR));
    CHECK(call(SYS_dup, 99));
    CHECK(call(SYS_dup2, 3, 10));
    CHECK(call(SYS_dup2, 3, 3));
    CHECK(call(SYS_dup2, 99, 3));
    CHECK(call(SYS_dup2, 99, 99));
    CHECK(call(SYS_dup2, 3, -1));
    CHECK(call(SYS_dup2, 3, 1 << 20));
    CHECK(call(SYS_dup3, 3, 11, O_CLOEXEC));
    CHECK(fcntl(11, F_GETFD));
    CHECK(call(SYS_dup3, 3, 3, 0));
    CHECK(call(SYS_dup3, 3, 12, 1));
    CHECK(fcntl(3, F_DUPFD, 10));
    CHECK(fcntl(3, F_DUPFD_CLOEXEC, 200));
    CHECK(fcntl(200, F_GETFD));
    CHECK(fcntl(3, F_DUPFD, -1));
    CHECK(fcntl(3, F_DUPFD, 1 << 20));
    CHECK(fcntl(4, F_SETFD, FD_CLOEXEC));
    CHECK(fcntl(4, F_GETFD));
    CHECK(fcntl(3, F_GETFD));
    CHECK(fcntl(4, F_SETFL, O_APPEND | O_NONBLOCK));
    CHECK(fcntl(3, F_GETFL));
    CHECK(fcntl(3, F_SETFL, 0));
    CHECK(fcntl(99, F_GETFD));
    CHECK(fcntl(3, 9999));
    CHECK(fcntl(3, F_GETOWN));
    CHECK(fcntl(3, F_GETLEASE));
    CHECK(fcntl(3, F_GETPIPE_SZ));
    CHECK(fcntl(3, F_SETPIPE_SZ, 4096));
    CHECK(call(SYS_close_range, 4, 10, 4));
    CHECK(fcntl(10, F_GETFD));
    CHECK(call(SYS_close_range, 4, ~0U, 0));
    CHECK(fcntl(10, F_GETFD));
}

void locks() {
    CHECK(set_lock(3, F_SETLK, F_WRLCK, 0, 10));
    CHECK(set_lock(3, F_GETLK, F_WRLCK, 0, 10));
    CHECK(lock.l_type);
    CHECK(set_lock(3, F_SETLKW, F_RDLCK, 5, 0));
    CHECK(set_lock(3, F_SETLK, F_UNLCK, 0, 0));
    CHECK(set_lock(3, F_SETLK, 9, 0, 0));
    CHECK(set_lock(3, F_SETLK, F_RDLCK, -1, 0));
    CHECK(set_lock(3, F_SETLK, F_RDLCK, 0, 0, 7));
    CHECK(set_lock(3, F_GETLK, F_UNLCK, 0, 0));
    CHECK(set_lock(3, F_SETLK, F_RDLCK, 10, -10));
    CHECK(set_lock(3, F_SETLK, F_RDLCK, 5, -10));
    CHECK(set_lock(99, F_SETLK, F_RDLCK, 0, 0));
    CHECK(call(SYS_fcntl, 3, F_SETLK, nullptr));
    CHECK(open("f", O_RDONLY));
    CHECK(set_lock(4, F_SETLK, F_WRLCK, 0, 10));
    CHECK(set_lock(4, F_SETLK, F_RDLCK, 0, 10));
    CHECK(call(SYS_flock, 3, LOCK_EX | LOCK_NB));
    CHECK(call(SYS_flock, 4, LOCK_EX | LOCK_NB));
    CHECK(call(SYS_flock, 4, LOCK_SH | LOCK_NB));
    CHECK(call(SYS_flock, 3, LOCK_SH | LOCK_NB));
    CHECK(call(SYS_flock, 4, LOCK_SH | LOCK_NB));
    CHECK(call(SYS_flock, 3, LOCK_EX | LOCK_NB));
    CHECK(call(SYS_flock, 4, LOCK_UN));
    CHECK(call(SYS_flock, 3, LOCK_EX));
    CHECK(call(SYS_flock, 3, 16));
    CHECK(call(SYS_flock, 99, LOCK_EX));
    CHECK(close(3));
    CHECK(call(SYS_flock, 4, LOCK_EX | LOCK_NB));
    CHECK(call(SYS_dup2, 4, 3));
    CHECK(close(4));
}

void requests() {
    CHECK(call(SYS_ioctl, 3, TCGETS, buffer));
    CHECK(call(SYS_ioctl, 3, TIOCGWINSZ, buffer));
    CHECK(call(SYS_ioctl, 3, 0x12345, buffer));
    CHECK(call(SYS_ioctl, 99, TCGETS, buffer));
    CHECK(lseek(3, 1, SEEK_SET));
    CHECK(call(SYS_ioctl, 3, FIONREAD, &number));
    CHECK(number);
    CHECK(call(SYS_ioctl, 3, FIOCLEX, 0));
    CHECK(fcntl(3, F_GETFD));
    CHECK(call(SYS_ioctl, 3, FIONCLEX, 0));
    CHECK(fcntl(3, F_GETFD));
    number = 1;
    CHECK(call(SYS_ioctl, 3, FIONBIO, &number));
    CHECK(fcntl(3, F_GETFL) & O_NONBLOCK);
    CHECK(call(SYS_ioctl, 3, FIONBIO, nullptr));
}

void readiness() {
    static timespec zero;
    static timeval none;
    static fd_set in;
    static fd_set out;
    static uint64_t mask;
    descriptors[0] = {3, POLLIN | POLLOUT, 0};
    descriptors[1] = {-1, POLLIN, 7};
    descriptors[2] = {99, POLLIN, 0};
    CHECK(call(SYS_poll, descriptors, 3, 0));
    for (const pollfd& d : descriptors) CHECK(d.revents);
    CHECK(call(SYS_poll, descriptors, 1, -1));
    CHECK(call(SYS_poll, nullptr, 0, 0));
    CHECK(call(SYS_poll, nullptr, 0, 5));
    CHECK(call(SYS_poll, nullptr, 1, 0));
    CHECK(call(SYS_poll, descriptors, 1 << 20, 0));
    CHECK(call(SYS_ppoll, descriptors, 1, &zero, nullptr, 0));
    CHECK(call(SYS_ppoll, descriptors, 1, &zero, &mask, 4));
    CHECK(call(SYS_ppoll, descriptors, 1, &zero, &mask, 8));
    zero.tv_nsec = -1;
    CHECK(call(SYS_ppoll, descriptors, 1, &zero, nullptr, 0));
    zero.tv_nsec = 0;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(3, &in);
    FD_SET(3, &out);
    CHECK(call(SYS_select, 4, &in, &out, nullptr, &none));
    CHECK(FD_ISSET(3, &in));
    CHECK(FD_ISSET(3, &out));
    FD_SET(50, &in);
    CHECK(call(SYS_select, 64, &in, nullptr, nullptr, &none));
    CHECK(call(SYS_select, -1, nullptr, nullptr, nullptr, &none));
    CHECK(call(SYS_select, 0, nullptr, nullptr, nullptr, &none));
    none.tv_usec = 2000;
    CHECK(call(SYS_select, 0, nullptr, nullptr, nullptr, &none));
    CHECK(none.tv_usec);
    none.tv_sec = -1;
    CHECK(call(SYS_select, 0, nullptr, nullptr, nullptr, &none));
    FD_CLR(50, &in);
    FD_SET(3, &in);
    CHECK(call(SYS_pselect6, 4, &in, nullptr, nullptr, &zero, nullptr));
}

void unnamed() {
    CHECK(call(SYS_memfd_create, "name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    CHECK(fcntl(4, F_GETFD));
    CHECK(write(4, "memory", 6));
    CHECK(pread(4, buffer, 10, 0));
    CHECK(fcntl(4, F_GET_SEALS));
    CHECK(fcntl(4, F_ADD_SEALS, F_SEAL_SHRINK));
    CHECK(ftruncate(4, 3));
    CHECK(ftruncate(4, 10));
    CHECK(fcntl(4, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE));
    CHECK(write(4, "x", 1));
    CHECK(ftruncate(4, 100));
    CHECK(fcntl(4, F_GET_SEALS));
    CHECK(fcntl(4, F_ADD_SEALS, F_SEAL_SEAL));
    CHECK(fcntl(4, F_ADD_SEALS, F_SEAL_SHRINK));
    CHECK(fcntl(4, F_ADD_SEALS, 0x1000));
    CHECK(call(SYS_readlink, "/proc/self/fd/4", buffer, sizeof buffer));
    CHECK(std::memcmp(buffer, "/memfd:name (deleted)", 21));
    CHECK(close(4));
    CHECK(call(SYS_memfd_create, "name", 0x100));
    CHECK(call(SYS_memfd_create, nullptr, 0));
    CHECK(fcntl(3, F_ADD_SEALS, F_SEAL_WRITE));
}

}  // namespace

void control_checks() {
    duplicates();
    locks();
    requests();
    readiness();
    unnamed();
    CHECK(close(3));
    CHECK(unlink("f"));
    show_directory(".");
}

}  // namespace file_ops
