#include <fcntl.h>
#include <stdlib.h>

#include <cstring>

#include "check.hpp"

namespace memory {

namespace {

constexpr int read_write = PROT_READ | PROT_WRITE;

void check_shared(int fd) {
    CHECK(ftruncate(fd, 3 * page + 100));
    char* p = fresh(8);
    CHECK(map(p, 8 * page, read_write, MAP_SHARED | MAP_FIXED, fd) > 0);
    CHECK(all(p, 4 * page, 0));
    std::memcpy(p + page, "through memory", 14);
    char buffer[14];
    CHECK(pread(fd, buffer, 14, page));
    CHECK(!std::memcmp(buffer, "through memory", 14));
    CHECK(pwrite(fd, "through the file", 16, 2 * page));
    CHECK(!std::memcmp(p + 2 * page, "through the file", 16));
    // Two views of the same pages.
    char* view = reinterpret_cast<char*>(map(nullptr, page, PROT_READ, MAP_SHARED, fd, 2 * page));
    CHECK(!std::memcmp(view, "through the file", 16));
    p[2 * page] = 'T';
    CHECK(view[0] == 'T');
    CHECK(protect(view, page, read_write));
    view[1] = 'H';
    CHECK(p[2 * page + 1] == 'H');
    CHECK(call(SYS_msync, p, 4 * page, MS_SYNC));
    CHECK(advise(p, 4 * page, MADV_DONTNEED));
    CHECK(!std::memcmp(p + page, "through memory", 14));
    char* again = reinterpret_cast<char*>(remap(p + page, 0, page, MREMAP_MAYMOVE));
    CHECK(!std::memcmp(again, "through memory", 14));
    again[0] = 'T';
    CHECK(p[page] == 'T');
    CHECK(unmap(again, page));
    CHECK(unmap(view, page));
    // Past the end of the file there is nothing to touch; truncated_mapping.cpp has pages that were touched before.
    CHECK_TEXT(rights(p + 4 * page, 4));
    CHECK(ftruncate(fd, page));
    CHECK(ftruncate(fd, 3 * page));
    CHECK_TEXT(rights(p, 3));
    CHECK(all(p + page, 2 * page, 0));
    CHECK(unmap(p, 8 * page));
}

void check_private(int fd) {
    CHECK(pwrite(fd, "original", 8, 0));
    char* p = reinterpret_cast<char*>(map(nullptr, 2 * page, read_write, MAP_PRIVATE, fd));
    p[0] = 'O';
    char buffer[8];
    CHECK(pread(fd, buffer, 8, 0));
    CHECK(buffer[0] == 'o');
    // Its own copy does not follow the file any more; the page that it has not written does.
    CHECK(pwrite(fd, "changed!", 8, 0));
    CHECK(p[0] == 'O' && p[1] == 'r');
    CHECK(pwrite(fd, "second", 6, page));
    CHECK(!std::memcmp(p + page, "second", 6));
    CHECK(advise(p, page, MADV_DONTNEED));
    CHECK(!std::memcmp(p, "changed!", 8));
    CHECK(unmap(p, 2 * page));
}

void check_modes(const char* path) {
    const int reader = open(path, O_RDONLY), writer = open(path, O_WRONLY);
    CHECK(map(nullptr, page, read_write, MAP_SHARED, reader));
    CHECK(map(nullptr, page, PROT_READ, MAP_SHARED, writer));
    CHECK(map(nullptr, page, PROT_READ, MAP_PRIVATE, writer));
    CHECK(map(nullptr, page, PROT_READ, MAP_PRIVATE, reader, 100));
    CHECK(map(nullptr, page, PROT_READ, MAP_PRIVATE, reader, -static_cast<long>(page)));
    char* p = reinterpret_cast<char*>(map(nullptr, page, PROT_READ, MAP_SHARED, reader));
    CHECK(protect(p, page, read_write));
    CHECK_TEXT(rights(p, 1));
    CHECK(close(reader));
    CHECK(p[0] == 'c');  // a mapping outlives its descriptor
    char* copy = reinterpret_cast<char*>(map(nullptr, page, read_write, MAP_PRIVATE, open(path, O_RDONLY)));
    copy[0] = 'C';
    CHECK(p[0] == 'c');
    CHECK(close(writer));
    CHECK(unlink(path));
    CHECK(p[0] == 'c');  // and its name
    CHECK(unmap(p, page));
    const int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
    CHECK(map(nullptr, page, PROT_READ, MAP_PRIVATE, folder));
    CHECK(close(folder));
}

}  // namespace

void check_file() {
    char path[] = "/dev/shm/memory_test.XXXXXX";
    const int fd = mkstemp(path);
    CHECK(fd >= 0);
    check_shared(fd);
    check_private(fd);
    check_modes(path);
    CHECK(close(fd));
    const int zero = open("/dev/zero", O_RDWR);
    char* p = reinterpret_cast<char*>(map(nullptr, 2 * page, read_write, MAP_PRIVATE, zero));
    CHECK(all(p, 2 * page, 0));
    std::memset(p, 'z', 2 * page);
    CHECK(all(p, 2 * page, 'z'));
    CHECK(close(zero));
}

}  // namespace memory
