// A system call that needs more memory than there is, for memory that nobody promised: the program is killed there, as it is
// when it touches the memory itself.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "check.hpp"

int main() {
    using namespace memory;
    constexpr size_t size = size_t{1} << 30, piece = 1 << 16;
    char* const start = fresh(size / page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    const int zero = open("/dev/zero", O_RDONLY);
    std::puts("reading");
    std::fflush(stdout);
    for (size_t at = 0; at < size; at += piece) {
        const ssize_t got = read(zero, start + at, piece);
        if (got == static_cast<ssize_t>(piece)) continue;
        std::printf("read at %zu: %zd\n", at, got);
        std::perror("read");
        return 1;
    }
    std::puts("there was room");
    return 2;
}
