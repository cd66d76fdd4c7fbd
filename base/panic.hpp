#pragma once
// The end of a machine whose own invariants are broken. Errors that a program can cause are values (`Result`), never panics.
#include <string_view>

namespace eremite {

// Says `message` and stops the machine. The kernel and each test program define it.
[[noreturn]] void panic(std::string_view message);

// Panics unless `condition` holds. Stays in release builds: a broken invariant in an allocator becomes a security hole.
inline void require(bool condition, std::string_view message) {
    if (!condition) [[unlikely]] panic(message);
}

}  // namespace eremite
