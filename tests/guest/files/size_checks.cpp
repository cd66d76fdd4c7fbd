// truncate, ftruncate, fallocate, fsync and relatives, advice
#include <linux/falloc.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[16384];

long fallocate(int fd, int mode, long offset, long length) { return call(SYS_fallocate, fd, mode, offset, length); }
long count_nonzero(long size) {
    long count = 0;
    for (long i = 0; i < size; ++i) count += buffer[i] != 0;
    return count;
}

void lengths() {
    CHECK(truncate("missing", 1));
    CHECK(make_file("f", "0123456789"));
    CHECK(truncate("f", 4));
    show("f");
    CHECK(truncate("f", 6));
    CHECK(size_of("f"));
    CHECK(truncate("f", -1));
    CHECK(mkdir("d", 0755));
    CHECK(truncate("d", 0));
    CHECK(open("f", O_RDWR));
    CHECK(pread(3, buffer, 10, 0));
    CHECK(buffer[4]);
    CHECK(ftruncate(3, 10000));
    CHECK(blocks_of("f"));
    std::memset(buffer, 'y', sizeof buffer);
    CHECK(pwrite(3, buffer, 10000, 0));
    CHECK(ftruncate(3, 5000));
    CHECK(blocks_of("f"));
    CHECK(ftruncate(3, 9000));
    CHECK(pread(3, buffer, sizeof buffer, 0));
    CHECK(count_nonzero(9000));
    CHECK(ftruncate(3, -5));
    CHECK(ftruncate(99, 0));
    CHECK(close(3));
    CHECK(open("f", O_RDONLY));
    CHECK(ftruncate(3, 0));
    CHECK(fallocate(3, 0, 0, 100));
    CHECK(fallocate(3, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
    CHECK(fallocate(3, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    CHECK(close(3));
    CHECK(open("d", O_RDONLY));
    CHECK(ftruncate(3, 0));
    CHECK(close(3));
}

void allocation() {
    CHECK(open("f", O_RDWR | O_TRUNC));
    CHECK(fallocate(3, 0, 0, 10000));
    CHECK(size_of("f"));
    CHECK(blocks_of("f"));
    CHECK(fallocate(3, FALLOC_FL_KEEP_SIZE, 0, 20000));
    CHECK(size_of("f"));
    CHECK(blocks_of("f"));
    CHECK(lseek(3, 0, SEEK_HOLE));
    std::memset(buffer, 'z', sizeof buffer);
    CHECK(pwrite(3, buffer, 12288, 0));
    CHECK(fallocate(3, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 8000));
    CHECK(blocks_of("f"));
    CHECK(pread(3, buffer, sizeof buffer, 0));
    CHECK(count_nonzero(12288));
    CHECK(lseek(3, 0, SEEK_HOLE));
    CHECK(lseek(3, 5000, SEEK_DATA));
    CHECK(fallocate(3, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 20));
    CHECK(pread(3, buffer, 100, 0));
    CHECK(count_nonzero(100));
    CHECK(fallocate(3, FALLOC_FL_PUNCH_HOLE, 0, 100));
    CHECK(fallocate(3, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
    CHECK(fallocate(3, FALLOC_FL_INSERT_RANGE, 0, 4096));
    CHECK(fallocate(3, FALLOC_FL_ZERO_RANGE, 0, 4096));
    CHECK(fallocate(3, FALLOC_FL_UNSHARE_RANGE, 0, 4096));
    CHECK(fallocate(3, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    CHECK(fallocate(3, 0x4000, 0, 4096));
    CHECK(fallocate(3, 0, -1, 10));
    CHECK(fallocate(3, 0, 0, 0));
    CHECK(fallocate(3, 0, INT64_MAX, 10));
    CHECK(fallocate(99, 0, 0, 10));
    CHECK(close(3));
}

void lasting() {
    CHECK(open("f", O_RDWR));
    CHECK(call(SYS_fsync, 3));
    CHECK(call(SYS_fdatasync, 3));
    CHECK(call(SYS_syncfs, 3));
    CHECK(call(SYS_sync_file_range, 3, 0L, 0L, 2));
    CHECK(call(SYS_sync_file_range, 3, -1L, 0L, 2));
    CHECK(call(SYS_sync_file_range, 3, 0L, 0L, 64));
    CHECK(call(SYS_fsync, 99));
    CHECK(call(SYS_fadvise64, 3, 0L, 0L, POSIX_FADV_WILLNEED));
    CHECK(call(SYS_fadvise64, 3, 0L, 0L, 99));
    CHECK(call(SYS_fadvise64, 3, 0L, -1L, POSIX_FADV_NORMAL));
    CHECK(call(SYS_fadvise64, 99, 0L, 0L, POSIX_FADV_NORMAL));
    CHECK(call(SYS_readahead, 99, 0L, 1));
    CHECK(close(3));
    CHECK(open("f", O_WRONLY));
    CHECK(call(SYS_readahead, 3, 0L, 1));
    CHECK(close(3));
    CHECK(unlink("f"));
    CHECK(rmdir("d"));
}

}  // namespace

void size_checks() {
    lengths();
    if (!limited) allocation();
    lasting();
    show_directory(".");
}

}  // namespace file_ops
