#pragma once
// What the programs of this folder print must be the same in the virtual machine and as a Linux process.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

// The result of a system call, with errno's text if it failed.
inline long show(const char* what, long result) {
    const int error = errno;
    if (result < 0) std::printf("%s: %s\n", what, std::strerror(error));
    else std::printf("%s: %ld\n", what, result);
    return result;
}

inline long milliseconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
}

// A wait that was to last `wanted` milliseconds lasted so long, at least, and not for ever.
inline void show_waited(const char* what, std::chrono::steady_clock::time_point start, long wanted) {
    const long waited = milliseconds_since(start);
    std::printf("%s waited long enough: %d, not too long: %d\n", what, waited >= wanted, waited < wanted + 10'000);
}
