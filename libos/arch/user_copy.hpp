#pragma once
// Copies between the library OS and memory that the program named. A fault that the address space cannot resolve ends
// the copy instead of killing the program.
#include <cstddef>

namespace eremite::arch {

// Copies `size` bytes. Returns the number of bytes NOT copied: 0 on success, else a tail that could not be accessed.
[[nodiscard]] size_t user_copy(void* destination, const void* source, size_t size);

// Sets `size` bytes to zero. Returns the number of bytes not written.
[[nodiscard]] size_t user_zero(void* destination, size_t size);

}  // namespace eremite::arch
