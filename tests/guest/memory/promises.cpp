// Memory that mmap() promised is there when it is touched, whatever files, names and mappings were made meanwhile. Needs a
// machine with little memory, since it takes all there is.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "check.hpp"

using namespace memory;

namespace {

constexpr size_t mebibyte = size_t{1} << 20;
constexpr size_t promised = 24 * mebibyte;
int failures = 0;

void check(const char* what, bool good) {
    std::printf("%s %s\n", good ? "ok  " : "FAIL", what);
    failures += !good;
}

char* promise() {
    return fresh(promised / page);
}

// Touches all of it: the program would be killed if it were not there.
void take_and_return(char* memory, const char* what) {
    std::memset(memory, 'p', promised);
    check(what, all(memory, promised, 'p'));
    unmap(memory, promised);
}

// Writes until there is no room; returns the error.
int fill(int fd) {
    static char block[64 * 1024];
    std::memset(block, 'f', sizeof block);
    for (size_t i = 0; i < 4096; ++i) {
        if (write(fd, block, sizeof block) < 0) return errno;
    }
    return 0;
}

void check_files() {
    char* const memory = promise();
    const int fd = open("/big", O_RDWR | O_CREAT, 0600);
    check("a file ends with ENOSPC", fill(fd) == ENOSPC);
    check("so do new names", open("/other", O_RDWR | O_CREAT, 0600) < 0 && errno == ENOSPC);
    check("what exists can be opened", close(open("/big", O_RDONLY)) == 0);
    check("malloc() is refused", std::malloc(16 * mebibyte) == nullptr && errno == ENOMEM);
    take_and_return(memory, "the memory is there after a file took the rest");
    unlink("/big");
    close(fd);
}

void check_names() {
    char* const memory = promise();
    int error = 0;
    const std::string long_part(200, 'n');
    size_t count = 0;
    for (; count < 1'000'000 && error == 0; ++count) {
        const int fd = open(("/" + long_part + std::to_string(count)).c_str(), O_RDWR | O_CREAT, 0600);
        error = fd < 0 ? errno : 0;
        if (fd >= 0) close(fd);
    }
    check("names end with ENOSPC", error == ENOSPC);
    take_and_return(memory, "the memory is there after names took the rest");
    for (size_t i = 0; i + 1 < count; ++i) unlink(("/" + long_part + std::to_string(i)).c_str());
}

void check_areas() {
    char* const memory = promise();
    char* const base = reinterpret_cast<char*>(0x1000'0000'0000);
    long result = 0;
    size_t count = 0;
    for (; count < 1'000'000; ++count) {
        char* const place = base + count * 2 * page;
        result = map(place, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE);
        if (result < 0) break;
    }
    check("mappings end with ENOMEM", result == -ENOMEM);
    take_and_return(memory, "the memory is there after mappings took the rest");
    check("they can go", unmap(base, count * 2 * page) == 0);
}

// What nobody promised does not live at the expense of what was, nor do the tables that map it.
void check_reservations() {
    char* const memory = promise();
    const int fd = open("/big", O_RDWR | O_CREAT, 0600);
    fill(fd);
    char* const wide = fresh((size_t{1} << 40) / page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    // Reads of zeros, each with a table of its own, as far as there is room.
    for (size_t i = 0; i < 16; ++i) failures += wide[i * 2 * mebibyte] != 0;
    take_and_return(memory, "the memory is there after a reservation was used");
    unlink("/big");
    close(fd);
}

}  // namespace

int main() {
    check_files();
    check_names();
    check_areas();
    check_reservations();
    void* const rest = std::malloc(40 * mebibyte);
    check("all of it came back", rest != nullptr);
    if (rest) std::memset(rest, 'r', 40 * mebibyte);
    std::puts(failures == 0 ? "passed" : "failed");
    return failures != 0;
}
