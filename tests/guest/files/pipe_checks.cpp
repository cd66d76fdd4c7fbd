// FIFOs, splice, tee, vmsplice, sendfile and copy_file_range between them
#include <asm/ioctls.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[70000];
long offset;

long mkfifo(const char* path, int mode) { return call(SYS_mknod, path, S_IFIFO | mode, 0); }
long splice(int in, long* in_offset, int out, long* out_offset, size_t size, unsigned flags) {
    return call(SYS_splice, in, in_offset, out, out_offset, size, flags);
}
long tee(int in, int out, size_t size, unsigned flags) { return call(SYS_tee, in, out, size, flags); }
long events(int fd) {
    static pollfd descriptor;
    descriptor = {fd, POLLIN | POLLOUT, 0};
    const long result = call(SYS_poll, &descriptor, 1, 0);
    return result < 0 ? result : descriptor.revents;
}
// Reads and shows what there is.
void drain(int fd) {
    const long size = read(fd, buffer, 100);
    std::fprintf(output, "read from %d: %ld \"%.*s\"\n", fd, size, size < 0 ? 0 : static_cast<int>(size), buffer);
}

void named_pipes() {
    CHECK(mkfifo("p", 0640));
    CHECK(mode_of("p"));
    CHECK(mkfifo("p", 0640));
    CHECK(open("p", O_WRONLY | O_NONBLOCK));
    CHECK(open("p", O_RDONLY | O_NONBLOCK));
    CHECK(events(3));
    CHECK(read(3, buffer, 10));
    CHECK(open("p", O_WRONLY | O_NONBLOCK));
    CHECK(read(3, buffer, 10));
    CHECK(events(3));
    CHECK(events(4));
    CHECK(write(4, "through", 7));
    CHECK(events(3));
    CHECK(size_of("p"));
    CHECK(call(SYS_ioctl, 3, FIONREAD, &offset));
    CHECK(offset & 0xffffffff);
    CHECK(lseek(4, 0, SEEK_SET));
    CHECK(pread(3, buffer, 1, 0));
    CHECK(read(3, buffer, 10));
    CHECK(close(4));
    CHECK(events(3));
    CHECK(read(3, buffer, 10));
    CHECK(open("p", O_WRONLY));
    CHECK(write(4, "again", 5));
    CHECK(read(4, buffer, 1));
    CHECK(write(3, buffer, 1));
    // The pipe lives as long as one end is open, and then it is empty.
    CHECK(close(4));
    drain(3);
    CHECK(close(3));
    CHECK(open("p", O_RDWR));
    CHECK(fcntl(3, F_GETFL));
    CHECK(events(3));
    CHECK(write(3, "both ends", 9));
    CHECK(events(3));
    CHECK(open("p", O_RDONLY | O_NONBLOCK));
    drain(4);
    CHECK(fcntl(3, F_GETPIPE_SZ));
    CHECK(fcntl(3, F_SETPIPE_SZ, 4096));
    CHECK(fcntl(4, F_GETPIPE_SZ));
    CHECK(close(3));
    CHECK(events(4));
    CHECK(close(4));
    CHECK(open("p", O_WRONLY | O_NONBLOCK));
    CHECK(open("p", O_PATH));
    CHECK(fcntl(3, F_GETPIPE_SZ));
    CHECK(close(3));
    CHECK(open("p", O_RDONLY | O_NONBLOCK | O_DIRECTORY));
    CHECK(open("p", O_RDWR | O_TRUNC));
    CHECK(ftruncate(3, 0));
    CHECK(call(SYS_fallocate, 3, 0, 0, 10));
    CHECK(call(SYS_fsync, 3));
    CHECK(close(3));
    CHECK(truncate("p", 0));
    CHECK(link("p", "q"));
    CHECK(open("p", O_RDONLY | O_NONBLOCK));
    CHECK(open("q", O_WRONLY | O_NONBLOCK));
    CHECK(write(4, "one pipe", 8));
    drain(3);
    CHECK(unlink("p"));
    CHECK(mkfifo("p", 0600));
    CHECK(open("p", O_WRONLY | O_NONBLOCK));
    CHECK(write(4, "old", 3));
    drain(3);
    CHECK(close(3));
    CHECK(close(4));
    CHECK(unlink("p"));
    CHECK(unlink("q"));
}

// Descriptors: 3 and 4 are pipes, 5 is a file.
void open_all() {
    CHECK(mkfifo("p", 0600));
    CHECK(mkfifo("q", 0600));
    CHECK(make_file("f", "0123456789"));
    CHECK(open("p", O_RDWR | O_NONBLOCK));
    CHECK(open("q", O_RDWR | O_NONBLOCK));
    CHECK(open("f", O_RDWR));
}

void splicing() {
    CHECK(splice(5, nullptr, 3, nullptr, 4, 0));
    CHECK(lseek(5, 0, SEEK_CUR));
    offset = 8;
    CHECK(splice(5, &offset, 3, nullptr, 100, 0));
    CHECK(offset);
    CHECK(lseek(5, 0, SEEK_CUR));
    CHECK(splice(5, &offset, 3, nullptr, 100, 0));
    drain(3);
    CHECK(splice(5, nullptr, 3, nullptr, 100, 0));
    CHECK(splice(5, nullptr, 3, nullptr, 100, 0));
    CHECK(splice(3, nullptr, 4, nullptr, 3, 0));
    drain(4);
    offset = 20;
    CHECK(splice(3, nullptr, 5, &offset, 2, 0));
    CHECK(offset);
    CHECK(size_of("f"));
    CHECK(lseek(5, 2, SEEK_SET));
    CHECK(splice(3, nullptr, 5, nullptr, 100, 0));
    CHECK(lseek(5, 0, SEEK_CUR));
    CHECK(pread(5, buffer, 10, 0));
    CHECK(std::memcmp(buffer, "0194567", 2));
    CHECK(splice(3, nullptr, 5, nullptr, 100, 0));
    CHECK(splice(3, nullptr, 4, nullptr, 100, 0));
    CHECK(splice(3, nullptr, 5, nullptr, 100, 1));
}

void splice_errors() {
    CHECK(splice(3, nullptr, 5, nullptr, 0, 64));
    CHECK(splice(3, nullptr, 5, nullptr, 1, 64));
    CHECK(splice(99, nullptr, 5, nullptr, 1, 0));
    CHECK(splice(3, nullptr, 99, nullptr, 1, 0));
    CHECK(splice(5, nullptr, 5, nullptr, 1, 0));
    CHECK(splice(3, nullptr, 3, nullptr, 1, 0));
    offset = 0;
    CHECK(splice(3, &offset, 5, nullptr, 1, 0));
    CHECK(splice(5, nullptr, 3, &offset, 1, 0));
    offset = -1;
    CHECK(splice(5, &offset, 3, nullptr, 1, 0));
    CHECK(splice(5, reinterpret_cast<long*>(8), 3, nullptr, 1, 0));
    CHECK(fcntl(5, F_SETFL, O_APPEND));
    CHECK(write(3, "x", 1));
    CHECK(splice(3, nullptr, 5, nullptr, 1, 0));
    CHECK(fcntl(5, F_SETFL, 0));
    CHECK(open("f", O_RDONLY));
    CHECK(splice(3, nullptr, 6, nullptr, 1, 0));
    CHECK(close(6));
    CHECK(open(".", O_RDONLY));
    CHECK(splice(6, nullptr, 3, nullptr, 1, 0));
    CHECK(close(6));
    drain(3);
    CHECK(open("/dev/null", O_WRONLY));
    CHECK(write(3, "for nobody", 10));
    CHECK(splice(3, nullptr, 6, nullptr, 100, 0));
    CHECK(close(6));
    CHECK(open("/dev/zero", O_RDONLY));
    CHECK(splice(6, nullptr, 3, nullptr, 8000, 0));
    CHECK(read(3, buffer, 10000));
    CHECK(close(6));
}

void teeing() {
    CHECK(write(3, "twice", 5));
    CHECK(tee(3, 4, 100, 0));
    drain(4);
    drain(3);
    CHECK(tee(3, 4, 100, 0));
    CHECK(tee(3, 4, 0, 0));
    CHECK(tee(3, 4, 1, 64));
    CHECK(tee(3, 3, 1, 0));
    CHECK(tee(3, 5, 1, 0));
    CHECK(tee(5, 4, 1, 0));
    CHECK(tee(99, 4, 1, 0));
    CHECK(write(3, "abcdef", 6));
    CHECK(tee(3, 4, 2, 0));
    CHECK(splice(3, nullptr, 4, nullptr, 100, 0));
    drain(4);
}

void gathering() {
    static iovec pieces[2] = {{const_cast<char*>("gathered "), 9}, {const_cast<char*>("text"), 4}};
    CHECK(call(SYS_vmsplice, 3, pieces, 2, 0));
    CHECK(call(SYS_vmsplice, 3, pieces, 0, 0));
    CHECK(call(SYS_vmsplice, 3, pieces, 2, 64));
    CHECK(call(SYS_vmsplice, 3, pieces, -1, 0));
    CHECK(call(SYS_vmsplice, 99, pieces, 2, 0));
    CHECK(call(SYS_vmsplice, 5, pieces, 2, 0));
    drain(3);
    offset = 1;
    CHECK(call(SYS_sendfile, 3, 5, &offset, 4));
    CHECK(offset);
    drain(3);
    CHECK(call(SYS_sendfile, 5, 3, nullptr, 4));
    CHECK(call(SYS_copy_file_range, 5, nullptr, 3, nullptr, 4, 0));
    CHECK(call(SYS_copy_file_range, 3, nullptr, 5, nullptr, 4, 0));
}

void fullness() {
    // Filled to the brim; 65,536 bytes fit everywhere.
    CHECK(open("/dev/zero", O_RDONLY));
    CHECK(splice(6, nullptr, 3, nullptr, 65536, 0));
    CHECK(splice(6, nullptr, 3, nullptr, 1, 0));
    CHECK(write(3, "x", 1));
    CHECK(splice(3, nullptr, 4, nullptr, 65536, 0));
    CHECK(splice(3, nullptr, 4, nullptr, 65536, 0));
    CHECK(tee(4, 3, 65536, 0));
    CHECK(read(4, buffer, sizeof buffer));
    CHECK(read(3, buffer, sizeof buffer));
    CHECK(close(6));
}

}  // namespace

void pipe_checks() {
    named_pipes();
    open_all();
    splicing();
    splice_errors();
    teeing();
    gathering();
    fullness();
    CHECK(call(SYS_close_range, 3, ~0U, 0));
    for (const char* name : {"p", "q", "f"}) CHECK(unlink(name));
    show_directory(".");
}

}  // namespace file_ops
