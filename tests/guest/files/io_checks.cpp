// read, write, their vectored and positioned forms, lseek, sendfile, copy_file_range
#include <linux/fs.h>
#include <sys/mman.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[16384];
char other[16384];
iovec vectors[1025];

void fill(char* bytes, size_t size, int seed) {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + (i * 7 + static_cast<size_t>(seed)) % 26);
}

long compare(size_t size) { return std::memcmp(buffer, other, size) == 0; }

void plain() {
    CHECK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0644));
    CHECK(read(3, buffer, 10));
    CHECK(write(3, "0123456789", 10));
    CHECK(read(3, buffer, 10));
    CHECK(lseek(3, 3, SEEK_SET));
    CHECK(read(3, buffer, 4));
    CHECK(buffer[0]);
    CHECK(read(3, buffer, 100));
    CHECK(lseek(3, 0, SEEK_CUR));
    CHECK(lseek(3, -2, SEEK_END));
    CHECK(lseek(3, -20, SEEK_END));
    CHECK(lseek(3, -1, SEEK_SET));
    CHECK(lseek(3, 0, 9));
    CHECK(lseek(3, INT64_MAX, SEEK_SET));
    CHECK(lseek(3, 1, SEEK_CUR));
    CHECK(write(3, "x", 1));
    CHECK(lseek(3, 100, SEEK_SET));
    CHECK(read(3, buffer, 1));
    CHECK(write(3, "x", 1));
    CHECK(size_of("f"));
    CHECK(pread(3, buffer, 20, 90));
    CHECK(buffer[0]);
    CHECK(buffer[10]);
    CHECK(read(3, buffer, 0));
    CHECK(write(3, buffer, 0));
    CHECK(read(99, buffer, 1));
    CHECK(write(99, buffer, 1));
    CHECK(close(3));
    CHECK(open("f", O_RDONLY));
    CHECK(write(3, buffer, 1));
    CHECK(close(3));
    CHECK(open("f", O_WRONLY));
    CHECK(read(3, buffer, 1));
    CHECK(pread(3, buffer, 1, 0));
    CHECK(close(3));
    CHECK(unlink("f"));
}

void positioned() {
    CHECK(open("f", O_RDWR | O_CREAT, 0644));
    CHECK(pwrite(3, "abcdef", 6, 10));
    CHECK(lseek(3, 0, SEEK_CUR));
    CHECK(pread(3, buffer, 100, 8));
    CHECK(pread(3, buffer, 100, 16));
    CHECK(pread(3, buffer, 100, -1));
    CHECK(pwrite(3, buffer, 1, -1));
    CHECK(pwrite(3, buffer, 1, INT64_MAX));
    CHECK(pread(3, buffer, 10, 4096));
    CHECK(close(3));
    CHECK(open("f", O_RDWR | O_APPEND));
    CHECK(write(3, "end", 3));
    CHECK(lseek(3, 0, SEEK_CUR));
    CHECK(pwrite(3, "more", 4, 0));
    CHECK(size_of("f"));
    CHECK(lseek(3, 0, SEEK_SET));
    CHECK(write(3, "!", 1));
    CHECK(lseek(3, 0, SEEK_CUR));
    CHECK(close(3));
    CHECK(unlink("f"));
}

void large() {
    fill(buffer, sizeof buffer, 1);
    CHECK(open("f", O_RDWR | O_CREAT, 0644));
    CHECK(write(3, buffer, sizeof buffer));
    CHECK(pwrite(3, buffer, 5000, 3000));
    CHECK(pread(3, other, sizeof other, 0));
    std::memmove(buffer + 3000, buffer, 5000);
    CHECK(compare(3000));
    CHECK(pread(3, other, 1, 4095));
    CHECK(pread(3, other, 4096, 4095));
    CHECK(blocks_of("f"));
    CHECK(pwrite(3, "sparse", 6, 1L << 40));
    CHECK(size_of("f"));
    CHECK(blocks_of("f"));
    CHECK(pread(3, other, 10, (1L << 40) - 4));
    CHECK(other[3]);
    CHECK(other[4]);
    CHECK(lseek(3, 0, SEEK_DATA));
    if (!limited) {
        CHECK(lseek(3, 0, SEEK_HOLE));
        CHECK(lseek(3, 20000, SEEK_DATA));
    }
    CHECK(lseek(3, (1L << 40) + 1, SEEK_HOLE));
    CHECK(lseek(3, (1L << 40) + 6, SEEK_HOLE));
    CHECK(lseek(3, (1L << 40) + 6, SEEK_DATA));
    CHECK(lseek(3, -1, SEEK_DATA));
    CHECK(close(3));
    CHECK(unlink("f"));
}

void vectored() {
    CHECK(open("f", O_RDWR | O_CREAT, 0644));
    vectors[0] = {const_cast<char*>("one"), 3};
    vectors[1] = {nullptr, 0};
    vectors[2] = {const_cast<char*>("twotwo"), 6};
    CHECK(call(SYS_writev, 3, vectors, 3));
    CHECK(call(SYS_writev, 3, vectors, 0));
    CHECK(call(SYS_writev, 3, vectors, -1));
    CHECK(call(SYS_writev, 3, vectors, 1025));
    CHECK(call(SYS_writev, 3, nullptr, 1));
    vectors[0] = {buffer, 4};
    vectors[1] = {other, 100};
    CHECK(call(SYS_preadv, 3, vectors, 2, 0L, 0L));
    CHECK(buffer[3]);
    CHECK(other[0]);
    CHECK(call(SYS_preadv, 3, vectors, 2, -1L, 0L));
    CHECK(call(SYS_readv, 3, vectors, 2));
    CHECK(call(SYS_pwritev, 3, vectors, 1, 20L, 0L));
    CHECK(size_of("f"));
    CHECK(call(SYS_preadv2, 3, vectors, 1, 0L, 0L, 0));
    CHECK(call(SYS_preadv2, 3, vectors, 1, -1L, 0L, 0));
    CHECK(call(SYS_preadv2, 3, vectors, 1, 0L, 0L, 0x1000));
    CHECK(call(SYS_pwritev2, 3, vectors, 1, 0L, 0L, RWF_APPEND));
    CHECK(size_of("f"));
    CHECK(call(SYS_pwritev2, 3, vectors, 1, 0L, 0L, RWF_SYNC));
    vectors[0].iov_len = SIZE_MAX;
    CHECK(call(SYS_readv, 3, vectors, 1));
    vectors[0] = {buffer, 4};
    CHECK(call(SYS_readv, 99, vectors, 1));
    for (auto& v : vectors) v = {buffer, 1};
    CHECK(lseek(3, 0, SEEK_SET));
    CHECK(call(SYS_readv, 3, vectors, 1024));
    CHECK(close(3));
    CHECK(unlink("f"));
}

// Memory of which the second half may not be touched.
void faults() {
    void* const hint = reinterpret_cast<void*>(0x2000'0000'0000);
    char* const pages = static_cast<char*>(::mmap(hint, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (pages == MAP_FAILED || ::mprotect(pages + 4096, 4096, PROT_NONE) != 0) {
        std::fprintf(output, "no memory for the fault checks\n");
        return;
    }
    std::memset(pages, 'p', 4096);
    CHECK(open("f", O_RDWR | O_CREAT, 0644));
    CHECK(write(3, pages + 4096, 10));
    CHECK(write(3, pages + 4090, 10));
    CHECK(size_of("f"));
    CHECK(pwrite(3, pages, 8192, 100));
    CHECK(pread(3, pages + 4096, 10, 0));
    CHECK(pread(3, pages + 4091, 10, 0));
    CHECK(pread(3, pages, 8192, 0));
    CHECK(pread(3, pages + 4096, 10, 100000));
    CHECK(read(3, reinterpret_cast<char*>(-4096L), 10));
    CHECK(write(3, nullptr, 10));
    vectors[0] = {pages + 4000, 96};
    vectors[1] = {pages + 4096, 10};
    CHECK(call(SYS_pwritev, 3, vectors, 2, 0L, 0L));
    CHECK(call(SYS_preadv, 3, vectors, 2, 0L, 0L));
    CHECK(fstat(3, reinterpret_cast<Status*>(pages + 4096)));
    CHECK(close(3));
    CHECK(open("/dev/zero", O_RDONLY));
    CHECK(read(3, pages, 8192));
    CHECK(read(3, pages + 4096, 1));
    CHECK(close(3));
    CHECK(open(pages + 4096, O_RDONLY));
    CHECK(unlink("f"));
    ::munmap(pages, 8192);
}

void transfers() {
    static long offset = 0;
    static long out_offset = 0;
    fill(buffer, sizeof buffer, 5);
    CHECK(open("from", O_RDWR | O_CREAT, 0644));
    CHECK(open("to", O_RDWR | O_CREAT, 0644));
    CHECK(write(3, buffer, 10000));
    CHECK(lseek(3, 0, SEEK_SET));
    CHECK(call(SYS_sendfile, 4, 3, nullptr, 4000));
    CHECK(lseek(3, 0, SEEK_CUR));
    offset = 4000;
    CHECK(call(SYS_sendfile, 4, 3, &offset, 100000));
    CHECK(offset);
    CHECK(lseek(3, 0, SEEK_CUR));
    CHECK(pread(4, other, 10000, 0));
    CHECK(compare(10000));
    offset = -1;
    CHECK(call(SYS_sendfile, 4, 3, &offset, 1));
    CHECK(call(SYS_sendfile, 4, 99, nullptr, 1));
    CHECK(call(SYS_sendfile, 99, 3, nullptr, 1));
    CHECK(ftruncate(4, 0));
    offset = 100;
    out_offset = 50;
    CHECK(call(SYS_copy_file_range, 3, &offset, 4, &out_offset, 1000, 0));
    CHECK(offset);
    CHECK(out_offset);
    CHECK(size_of("to"));
    CHECK(call(SYS_copy_file_range, 3, nullptr, 4, nullptr, 0, 0));
    CHECK(call(SYS_copy_file_range, 3, nullptr, 4, nullptr, 1, 7));
    offset = 20000;
    CHECK(call(SYS_copy_file_range, 3, &offset, 4, nullptr, 100, 0));
    offset = 0;
    out_offset = 500;
    CHECK(call(SYS_copy_file_range, 3, &offset, 3, &out_offset, 1000, 0));
    CHECK(call(SYS_copy_file_range, 99, nullptr, 4, nullptr, 1, 0));
    CHECK(open(".", O_RDONLY));
    CHECK(call(SYS_copy_file_range, 5, nullptr, 4, nullptr, 1, 0));
    CHECK(call(SYS_close_range, 3, 5, 0));
    CHECK(unlink("from"));
    CHECK(unlink("to"));
}

void unlinked() {
    CHECK(open("f", O_RDWR | O_CREAT, 0644));
    CHECK(unlink("f"));
    CHECK(write(3, "still here", 10));
    CHECK(pread(3, buffer, 20, 0));
    CHECK(open("f", O_RDONLY));
    CHECK(close(3));
}

}  // namespace

void io_checks() {
    plain();
    positioned();
    large();
    vectored();
    faults();
    transfers();
    unlinked();
    show_directory(".");
}

}  // namespace file_ops
