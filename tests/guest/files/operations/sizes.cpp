// truncate(2), fallocate(2), fsync(2) and relatives; getdents64(2)
#include <linux/falloc.h>

#include <cstring>

#include "expect.hpp"

namespace file_ops {

namespace {

alignas(8) char buffer[65536];

long fallocate(int fd, int mode, long offset, long length) { return call(SYS_fallocate, fd, mode, offset, length); }

bool all(char wanted, long from, long to) {
    if (pread(3, buffer, static_cast<size_t>(to - from), from) != to - from) return false;
    for (long i = 0; i < to - from; ++i)
        if (buffer[i] != wanted) return false;
    return true;
}

void allocation() {
    if (!has(Feature::Allocation, "fallocate")) return;
    OK(ftruncate(3, 0));
    OK(fallocate(3, 0, 0, 10000));
    IS(10000, size_of("f"));
    IS(true, blocks_of("f") >= 20);
    IS(true, all(0, 0, 10000));
    OK(fallocate(3, FALLOC_FL_KEEP_SIZE, 0, 20000));
    IS(10000, size_of("f"));
    std::memset(buffer, 'z', 16384);
    IS(16384, pwrite(3, buffer, 16384, 0));
    OK(fallocate(3, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 10000));
    IS(16384, size_of("f"));
    IS(true, all('z', 0, 1000) && all(0, 1000, 11000) && all('z', 11000, 16384));
    EITHER(EOPNOTSUPP, fallocate(3, FALLOC_FL_ZERO_RANGE, 11000, 1000));
    EITHER(EOPNOTSUPP, fallocate(3, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
    EITHER(EOPNOTSUPP, fallocate(3, FALLOC_FL_INSERT_RANGE, 0, 4096));
    FAILS(EOPNOTSUPP, fallocate(3, FALLOC_FL_PUNCH_HOLE, 0, 100));
    FAILS(EOPNOTSUPP, fallocate(3, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 100));
    FAILS(EOPNOTSUPP, fallocate(3, 0x4000, 0, 100));
    FAILS(EINVAL, fallocate(3, 0, -1, 100));
    FAILS(EINVAL, fallocate(3, 0, 0, 0));
    FAILS(EINVAL, fallocate(3, 0, 0, -1));
    FAILS(EFBIG, fallocate(3, 0, INT64_MAX, 100));
    FAILS(EBADF, fallocate(99, 0, 0, 100));
    IS(4, open("f", O_RDONLY));
    FAILS(EBADF, fallocate(4, 0, 0, 100));
    OK(close(4));
    static int ends[2];
    OK(call(SYS_pipe2, ends, 0));
    FAILS(ESPIPE, fallocate(5, 0, 0, 100));
    OK(call(SYS_close_range, 4, 5, 0));
}

void lasting() {
    OK(call(SYS_fsync, 3));
    OK(call(SYS_fdatasync, 3));
    OK(call(SYS_syncfs, 3));
    OK(call(SYS_sync));
    OK(call(SYS_sync_file_range, 3, 0L, 0L, 7));
    FAILS(EINVAL, call(SYS_sync_file_range, 3, -1L, 0L, 2));
    FAILS(EINVAL, call(SYS_sync_file_range, 3, 0L, -1L, 2));
    FAILS(EINVAL, call(SYS_sync_file_range, 3, 0L, 0L, 64));
    FAILS(EBADF, call(SYS_sync_file_range, 99, 0L, 0L, 2));
    for (const long number : {SYS_fsync, SYS_fdatasync, SYS_syncfs}) FAILS(EBADF, call(number, 99));
    OK(call(SYS_fadvise64, 3, 0L, 0L, POSIX_FADV_SEQUENTIAL));
    OK(call(SYS_fadvise64, 3, 0L, 4096L, POSIX_FADV_DONTNEED));
    FAILS(EINVAL, call(SYS_fadvise64, 3, 0L, 0L, 99));
    FAILS(EINVAL, call(SYS_fadvise64, 3, 0L, -1L, POSIX_FADV_NORMAL));
    FAILS(EBADF, call(SYS_fadvise64, 99, 0L, 0L, POSIX_FADV_NORMAL));
    OK(call(SYS_readahead, 3, 0L, 4096));
    FAILS(EBADF, call(SYS_readahead, 99, 0L, 4096));
    IS(4, open(".", O_RDONLY));
    OK(call(SYS_fsync, 4));
    OK(close(4));
    static int ends[2];
    OK(call(SYS_pipe2, ends, 0));
    FAILS(EINVAL, call(SYS_fsync, 4));
    FAILS(ESPIPE, call(SYS_fadvise64, 4, 0L, 0L, POSIX_FADV_NORMAL));
    FAILS(ESPIPE, call(SYS_sync_file_range, 4, 0L, 0L, 2));
    OK(call(SYS_close_range, 4, 5, 0));
}

// The names of one directory, each once, whatever the size of the buffer.
constexpr int count = 300;

long entry_name(char (&name)[32], int i) { return std::snprintf(name, sizeof name, "entry-%d-%.*s", i, i % 7, "xxxxxxx"); }

// How many entries are seen; -1 when one is seen twice or is not known.
long listed(int fd, size_t size) {
    static bool seen[count];
    std::memset(seen, 0, sizeof seen);
    long found = 0;
    for (long n; (n = call(SYS_getdents64, fd, buffer, size)) != 0;) {
        if (n < 0) return n;
        for (long at = 0; at < n;) {
            uint16_t length = 0;
            std::memcpy(&length, buffer + at + 16, sizeof length);
            const char* const name = buffer + at + 19;
            at += length;
            if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
            int i = -1;
            if (std::sscanf(name, "entry-%d-", &i) != 1 || i < 0 || i >= count || seen[i]) return -1;
            seen[i] = true;
            ++found;
        }
    }
    return found;
}

}  // namespace

void sizes() {
    IS(10, make_file("f", "0123456789"));
    OK(truncate("f", 4));
    IS(true, contains("f", "0123"));
    OK(truncate("f", 6));
    IS(6, size_of("f"));
    IS(3, open("f", O_RDWR));
    IS(true, all(0, 4, 6));
    OK(ftruncate(3, 100000));
    IS(true, all(0, 4, 60000));
    OK(ftruncate(3, 3));
    OK(ftruncate(3, 5));
    IS(true, all(0, 3, 5));
    FAILS(EINVAL, ftruncate(3, -1));
    FAILS(EINVAL, truncate("f", -1));
    FAILS(ENOENT, truncate("missing", 0));
    FAILS(ENOTDIR, truncate("f/x", 0));
    FAILS(EISDIR, truncate(".", 0));
    FAILS(EFAULT, truncate(nullptr, 0));
    FAILS(ENAMETOOLONG, truncate(too_long_name, 0));
    FAILS(EBADF, ftruncate(99, 0));
    IS(4, open("f", O_RDONLY));
    FAILS(EINVAL, ftruncate(4, 0));
    OK(close(4));
    IS(4, open(".", O_RDONLY));
    FAILS(EINVAL, ftruncate(4, 0));
    OK(close(4));
    allocation();
    lasting();
    OK(close(3));
    OK(unlink("f"));
}

void listing() {
    OK(mkdir("d", 0755));
    char name[32];
    OK(chdir("d"));
    bool made = true;
    for (int i = 0; i < count; ++i) {
        entry_name(name, i);
        made = made && make_file(name, "x") == 1;
    }
    IS(true, made);
    OK(chdir(".."));
    IS(3, open("d", O_RDONLY | O_DIRECTORY));
    IS(count, listed(3, sizeof buffer));
    IS(0, call(SYS_getdents64, 3, buffer, sizeof buffer));
    IS(0, lseek(3, 0, SEEK_SET));
    IS(count, listed(3, 512));
    IS(0, lseek(3, 0, SEEK_SET));
    // A place that getdents told leads to the entry behind it.
    IS(true, call(SYS_getdents64, 3, buffer, 1024) > 0);
    int64_t place = 0;
    std::memcpy(&place, buffer + 8, sizeof place);
    uint16_t length = 0;
    std::memcpy(&length, buffer + 16, sizeof length);
    std::snprintf(name, sizeof name, "%s", buffer + length + 19);
    IS(place, lseek(3, place, SEEK_SET));
    IS(true, call(SYS_getdents64, 3, buffer, 1024) > 0);
    IS(0, std::strcmp(name, buffer + 19));
    FAILS(EINVAL, call(SYS_getdents64, 3, buffer, 10));
    FAILS(EBADF, call(SYS_getdents64, 99, buffer, sizeof buffer));
    FAILS(EINVAL, lseek(3, -1, SEEK_SET));
    IS(0, lseek(3, 0, SEEK_SET));
    FAILS(EFAULT, call(SYS_getdents64, 3, nullptr, sizeof buffer));
    // Removing what was listed loses nothing of the rest.
    OK(chdir("d"));
    long removed = 0;
    bool good = true;
    while (good) {
        const long n = call(SYS_getdents64, 3, buffer, 700);
        good = n >= 0;
        if (n <= 0) break;
        for (long at = 0; at < n; at += length) {
            std::memcpy(&length, buffer + at + 16, sizeof length);
            if (buffer[at + 19] == 'e') good = good && unlink(buffer + at + 19) == 0, ++removed;
        }
    }
    IS(true, good);
    IS(count, removed);
    OK(chdir(".."));
    OK(close(3));
    IS(1, make_file("f", "x"));
    IS(3, open("f", O_RDONLY));
    FAILS(ENOTDIR, call(SYS_getdents64, 3, buffer, sizeof buffer));
    OK(close(3));
    OK(unlink("f"));
    OK(rmdir("d"));
}

}  // namespace file_ops
