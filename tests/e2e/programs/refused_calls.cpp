// Makes system calls that are refused, each three times, and says what came back.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

// The number stands before the instruction, so that `eremite info` finds it.
long load_kernel() {
    long result;
    asm volatile("mov %1, %%eax; syscall" : "=a"(result) : "i"(SYS_kexec_load), "D"(0), "S"(0), "d"(0) : "rcx", "r11", "memory");
    return result;
}

void print(const char* name, long result) {
    std::printf("%s %ld %s\n", name, result, result == -1 ? std::strerror(errno) : "");
}

}  // namespace

int main() {
    for (int i = 0; i < 3; ++i) print("fork", fork());
    for (int i = 0; i < 3; ++i) print("unknown", syscall(9999));
    for (int i = 0; i < 3; ++i) std::printf("kexec_load %ld\n", load_kernel());
}
