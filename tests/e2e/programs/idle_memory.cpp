// Takes 64 MiB, gives them up, and waits for the end of its input.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

int main() {
    constexpr size_t size = 64 << 20;
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 1;
    std::memset(memory, 0x55, size);
    std::puts("used");
    std::fflush(stdout);
    char byte;
    if (read(STDIN_FILENO, &byte, 1) != 1) return 2;
    if (munmap(memory, size) != 0) return 3;
    while (read(STDIN_FILENO, &byte, 1) == 1) {}
    return 0;
}
