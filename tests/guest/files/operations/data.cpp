// read(2), write(2) and their variants; lseek(2); copies within the kernel
#include <linux/fs.h>
#include <sys/uio.h>

#include <cstring>

#include "expect.hpp"

namespace file_ops {

namespace {

char buffer[8192];
int ends[2];

long same(const char* text) { return std::memcmp(buffer, text, std::strlen(text)); }

void plain() {
    IS(3, open("f", O_RDWR | O_CREAT, 0644));
    IS(0, read(3, buffer, 10));
    IS(10, write(3, "0123456789", 10));
    IS(0, write(3, buffer, 0));
    IS(10, lseek(3, 0, SEEK_CUR));
    IS(4, pread(3, buffer, 4, 3));
    IS(0, same("3456"));
    IS(2, pwrite(3, "ab", 2, 4));
    IS(10, lseek(3, 0, SEEK_CUR));
    IS(2, pread(3, buffer, 10, 8));
    IS(0, pread(3, buffer, 10, 10));
    IS(0, pread(3, buffer, 10, 1000));
    FAILS(EINVAL, pread(3, buffer, 10, -1));
    FAILS(EINVAL, pwrite(3, buffer, 10, -1));
    FAILS(EFAULT, pread(3, nullptr, 10, 0));
    FAILS(EFAULT, write(3, nullptr, 10));
    IS(10, size_of("f"));
    FAILS(EBADF, read(99, buffer, 1));
    FAILS(EBADF, write(99, buffer, 1));
    FAILS(EBADF, pread(99, buffer, 1, 0));
    FAILS(EBADF, read(-1, buffer, 1));
    OK(close(3));
    IS(3, open("f", O_WRONLY));
    FAILS(EBADF, read(3, buffer, 1));
    FAILS(EBADF, pread(3, buffer, 1, 0));
    OK(close(3));
    IS(3, open("f", O_RDONLY));
    FAILS(EBADF, write(3, buffer, 1));
    FAILS(EBADF, pwrite(3, buffer, 1, 0));
    OK(close(3));
    IS(true, contains("f", "0123ab6789"));
    IS(3, open(".", O_RDONLY));
    FAILS(EISDIR, read(3, buffer, 1));
    FAILS(EISDIR, pread(3, buffer, 1, 0));
    FAILS(EBADF, write(3, buffer, 1));
    OK(close(3));
    OK(call(SYS_pipe2, ends, 0));
    FAILS(ESPIPE, pread(3, buffer, 1, 0));
    FAILS(ESPIPE, pwrite(4, buffer, 1, 0));
    OK(call(SYS_close_range, 3, 4, 0));
}

void appending() {
    IS(3, open("f", O_RDWR | O_APPEND));
    IS(0, lseek(3, 0, SEEK_SET));
    IS(3, write(3, "end", 3));
    IS(13, lseek(3, 0, SEEK_CUR));
    // Linux appends whatever offset pwrite() has (pwrite(2), BUGS).
    IS(1, pwrite(3, "!", 1, 0));
    IS(13, lseek(3, 0, SEEK_CUR));
    IS(4, open("f", O_WRONLY));
    IS(1, pwrite(4, "x", 1, 14));
    OK(close(4));
    IS(1, write(3, "y", 1));
    IS(16, lseek(3, 0, SEEK_CUR));
    OK(close(3));
    IS(true, contains("f", "0123ab6789end!xy"));
}

void vectors() {
    static iovec v[3];
    IS(3, open("f", O_RDWR | O_TRUNC));
    char one[] = "one", two[] = "two";
    v[0] = {one, 3};
    v[1] = {nullptr, 0};
    v[2] = {two, 3};
    IS(6, call(SYS_writev, 3, v, 3));
    IS(6, call(SYS_pwritev, 3, v, 3, 6L, 0L));
    v[0] = {buffer, 5};
    v[2] = {buffer + 100, 100};
    IS(12, call(SYS_preadv, 3, v, 3, 0L, 0L));
    IS(0, same("onetw"));
    IS(0, std::memcmp(buffer + 100, "oonetwo", 7));
    IS(0, lseek(3, 0, SEEK_SET));
    IS(12, call(SYS_readv, 3, v, 3));
    IS(0, call(SYS_readv, 3, v, 0));
    FAILS(EINVAL, call(SYS_readv, 3, v, -1));
    FAILS(EINVAL, call(SYS_readv, 3, v, 1025));
    FAILS(EFAULT, call(SYS_readv, 3, nullptr, 1));
    FAILS(EBADF, call(SYS_readv, 99, v, 1));
    FAILS(EINVAL, call(SYS_preadv, 3, v, 1, -5L, -1L));
    v[0] = {buffer, ~size_t{0}};
    FAILS(EINVAL, call(SYS_writev, 3, v, 1));
    v[0] = {one, 3};
    IS(3, call(SYS_pwritev2, 3, v, 1, 0L, 0L, RWF_APPEND));
    IS(3, call(SYS_pwritev2, 3, v, 1, 0L, 0L, RWF_DSYNC));
    FAILS(EOPNOTSUPP, call(SYS_preadv2, 3, v, 1, 0L, 0L, 0x4000000));
    IS(12, lseek(3, 0, SEEK_CUR));
    IS(15, size_of("f"));
    OK(close(3));
}

void holes() {
    if (!has(Feature::Holes, "SEEK_DATA and SEEK_HOLE")) return;
    constexpr long far = 1L << 30;
    IS(3, open("sparse", O_RDWR | O_CREAT, 0600));
    IS(1, pwrite(3, "x", 1, far));
    IS(far + 1, size_of("sparse"));
    IS(true, blocks_of("sparse") < 1000);
    IS(far, lseek(3, 0, SEEK_DATA));
    IS(0, lseek(3, 0, SEEK_HOLE));
    IS(far + 1, lseek(3, far, SEEK_HOLE));
    FAILS(ENXIO, lseek(3, far + 1, SEEK_DATA));
    FAILS(ENXIO, lseek(3, far + 1, SEEK_HOLE));
    FAILS(ENXIO, lseek(3, -1, SEEK_DATA));
    IS(4096, pread(3, buffer, 4096, far - 4096));
    IS(0, buffer[17]);
    OK(close(3));
    OK(unlink("sparse"));
}

}  // namespace

void transferring() {
    plain();
    appending();
    vectors();
    OK(unlink("f"));
}

void seeking() {
    IS(10, make_file("f", "0123456789"));
    IS(3, open("f", O_RDWR));
    IS(4, lseek(3, 4, SEEK_SET));
    IS(6, lseek(3, 2, SEEK_CUR));
    IS(5, lseek(3, -5, SEEK_END));
    IS(30, lseek(3, 20, SEEK_END));
    FAILS(EINVAL, lseek(3, -1, SEEK_SET));
    FAILS(EINVAL, lseek(3, -31, SEEK_CUR));
    FAILS(EINVAL, lseek(3, -11, SEEK_END));
    FAILS(EINVAL, lseek(3, 0, 9));
    FAILS(EBADF, lseek(99, 0, SEEK_SET));
    IS(30, lseek(3, 0, SEEK_CUR));
    IS(0, read(3, buffer, 1));
    // What is written behind the end leaves zeros.
    IS(1, write(3, "x", 1));
    IS(31, pread(3, buffer, 100, 0));
    IS(0, buffer[10] | buffer[29]);
    // Duplicates share the position, other descriptions do not.
    IS(4, call(SYS_dup, 3));
    IS(5, open("f", O_RDONLY));
    IS(7, lseek(4, 7, SEEK_SET));
    IS(7, lseek(3, 0, SEEK_CUR));
    IS(0, lseek(5, 0, SEEK_CUR));
    OK(call(SYS_close_range, 3, 5, 0));
    OK(call(SYS_pipe2, ends, 0));
    FAILS(ESPIPE, lseek(3, 0, SEEK_SET));
    OK(call(SYS_close_range, 3, 4, 0));
    holes();
    OK(unlink("f"));
}

void copying() {
    static long from, to;
    IS(10, make_file("f", "0123456789"));
    IS(3, open("f", O_RDWR));
    IS(4, open("g", O_RDWR | O_CREAT, 0600));
    IS(10, call(SYS_sendfile, 4, 3, nullptr, 100));
    IS(10, lseek(3, 0, SEEK_CUR));
    from = 5;
    IS(3, call(SYS_sendfile, 4, 3, &from, 3));
    IS(8, from);
    IS(10, lseek(3, 0, SEEK_CUR));
    IS(true, contains("g", "0123456789567"));
    from = -1;
    FAILS(EINVAL, call(SYS_sendfile, 4, 3, &from, 3));
    FAILS(EBADF, call(SYS_sendfile, 99, 3, nullptr, 3));
    FAILS(EBADF, call(SYS_sendfile, 4, 99, nullptr, 3));
    from = 2;
    to = 1;
    IS(4, call(SYS_copy_file_range, 3, &from, 4, &to, 4, 0));
    IS(6, from);
    IS(5, to);
    IS(true, contains("g", "0234556789567"));
    from = 8;
    IS(2, call(SYS_copy_file_range, 3, &from, 4, &to, 100, 0));
    IS(0, call(SYS_copy_file_range, 3, &from, 4, &to, 100, 0));
    IS(0, call(SYS_copy_file_range, 3, &from, 4, &to, 0, 0));
    FAILS(EINVAL, call(SYS_copy_file_range, 3, &from, 4, &to, 1, 1));
    FAILS(EBADF, call(SYS_copy_file_range, 3, &from, 99, &to, 1, 0));
    from = to = 0;
    FAILS(EINVAL, call(SYS_copy_file_range, 3, &from, 3, &to, 5, 0));
    IS(5, open("f", O_RDONLY));
    FAILS(EBADF, call(SYS_copy_file_range, 3, &from, 5, &to, 1, 0));
    IS(6, open("f", O_WRONLY | O_APPEND));
    FAILS(EBADF, call(SYS_copy_file_range, 4, &from, 6, &to, 1, 0));
    FAILS(EINVAL, call(SYS_sendfile, 6, 4, nullptr, 1));
    IS(7, open(".", O_RDONLY));
    FAILS(EISDIR, call(SYS_copy_file_range, 7, &from, 4, &to, 1, 0));
    FAILS(EINVAL, call(SYS_sendfile, 4, 7, nullptr, 1));
    OK(close(7));
    OK(call(SYS_pipe2, ends, 0));
    FAILS(EINVAL, call(SYS_copy_file_range, 3, nullptr, 8, nullptr, 1, 0));
    FAILS(EINVAL, call(SYS_splice, 3, nullptr, 4, nullptr, 1, 0));
    from = 4;
    IS(3, call(SYS_splice, 3, &from, 8, nullptr, 3, 0));
    FAILS(ESPIPE, call(SYS_splice, 3, nullptr, 8, &to, 3, 0));
    to = 20;
    IS(3, call(SYS_splice, 7, nullptr, 4, &to, 100, 0));
    IS(23, to);
    IS(3, pread(4, buffer, 100, 20));
    IS(0, same("456"));
    FAILS(EAGAIN, call(SYS_splice, 7, nullptr, 4, nullptr, 100, SPLICE_F_NONBLOCK));
    FAILS(EINVAL, call(SYS_splice, 7, nullptr, 6, nullptr, 100, SPLICE_F_NONBLOCK));
    OK(call(SYS_close_range, 3, 8, 0));
    OK(unlink("f"));
    OK(unlink("g"));
}

}  // namespace file_ops
