// Files and mappings of them show the same bytes.
#include <sys/mman.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[64];

char* map(int fd, size_t size, int protection, int flags, long offset = 0) {
    void* const at = ::mmap(nullptr, size, protection, flags, fd, offset);
    return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
}

// What is sealed against writing is not written through mappings either.
void sealed_maps() {
    CHECK(call(SYS_memfd_create, "m", 2));
    CHECK(ftruncate(3, 4096));
    char* const writable = map(3, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
    CHECK(writable != nullptr);
    CHECK(fcntl(3, F_ADD_SEALS, F_SEAL_WRITE));
    CHECK(fcntl(3, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    if (writable) writable[0] = 'w';
    CHECK(map(3, 4096, PROT_READ | PROT_WRITE, MAP_SHARED) == nullptr);
    char* const readable = map(3, 4096, PROT_READ, MAP_SHARED);
    CHECK(readable != nullptr);
    if (readable) CHECK(readable[0]);
    CHECK(::mprotect(readable, 4096, PROT_READ | PROT_WRITE));
    CHECK(::munmap(writable, 4096));
    CHECK(::munmap(readable, 4096));
    CHECK(fcntl(3, F_ADD_SEALS, F_SEAL_WRITE));
    char* const own = map(3, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    CHECK(own != nullptr);
    if (own) own[0] = 'x';
    CHECK(pread(3, buffer, 1, 0));
    CHECK(buffer[0]);
    CHECK(::munmap(own, 4096));
    CHECK(close(3));
}

}  // namespace

void map_checks() {
    CHECK(open("f", O_RDWR | O_CREAT, 0644));
    CHECK(write(3, "first page", 10));
    char* const shared = map(3, 8192, PROT_READ | PROT_WRITE, MAP_SHARED);
    char* const own = map(3, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    CHECK(shared != nullptr && own != nullptr);
    if (!shared || !own) return;
    CHECK(std::memcmp(shared, "first page", 10));
    CHECK(shared[10]);
    std::memcpy(shared, "mapped", 6);
    CHECK(pread(3, buffer, 10, 0));
    CHECK(std::memcmp(buffer, "mappedpage", 6));
    CHECK(std::memcmp(own, "mapped", 6));
    std::memcpy(own, "secret", 6);
    CHECK(std::memcmp(shared, "mapped", 6));
    CHECK(pwrite(3, "written", 7, 0));
    CHECK(std::memcmp(shared, "written", 7));
    CHECK(std::memcmp(own, "secret", 6));
    CHECK(ftruncate(3, 8192));
    CHECK(shared[4096]);
    shared[5000] = 'x';
    CHECK(pread(3, buffer, 1, 5000));
    CHECK(buffer[0]);
    // A file may be read into and written from a mapping of itself.
    CHECK(pread(3, shared + 100, 50, 0));
    CHECK(std::memcmp(shared + 100, "written", 7));
    CHECK(pwrite(3, shared, 7, 4096));
    CHECK(std::memcmp(shared + 4096, "written", 7));
    CHECK(unlink("f"));
    CHECK(close(3));
    CHECK(std::memcmp(shared, "written", 7));
    CHECK(::munmap(shared, 8192));
    CHECK(::munmap(own, 4096));
    CHECK(open("/dev/zero", O_RDWR));
    char* const zeros = map(3, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    CHECK(zeros != nullptr);
    if (zeros) {
        CHECK(zeros[100]);
        zeros[100] = 1;
        CHECK(::munmap(zeros, 4096));
    }
    CHECK(close(3));
    CHECK(open("/dev/null", O_RDWR));
    CHECK(map(3, 4096, PROT_READ, MAP_SHARED) == nullptr);
    CHECK(close(3));
    CHECK(call(SYS_memfd_create, "m", 0));
    CHECK(ftruncate(3, 4096));
    char* const memory = map(3, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
    CHECK(memory != nullptr);
    if (memory) {
        std::memcpy(memory, "memfd", 5);
        CHECK(pread(3, buffer, 5, 0));
        CHECK(std::memcmp(buffer, "memfd", 5));
        CHECK(::munmap(memory, 4096));
    }
    CHECK(close(3));
    sealed_maps();
    show_directory(".");
}

}  // namespace file_ops
