#pragma once
// Copies between the library OS and memory that the program named. A fault that the address space cannot resolve ends
// the copy instead of killing the program. A page that a device has to bring is waited for by user_copy() alone; the others,
// which may run under a spinlock, end there, and the thread remembers the page (sched/awaited_memory.hpp).
#include <cstddef>
#include <cstdint>

namespace eremite::arch {

// Copies `size` bytes. Returns the number of bytes NOT copied: 0 on success, else a tail that could not be accessed.
[[nodiscard]] size_t user_copy(void* destination, const void* source, size_t size);
[[nodiscard]] size_t user_copy_now(void* destination, const void* source, size_t size);

// Sets `size` bytes to zero. Returns the number of bytes not written.
[[nodiscard]] size_t user_zero(void* destination, size_t size);

// Single accesses to an aligned word that other CPUs use too. False: it cannot be accessed.
[[nodiscard]] bool user_load_word(const uint32_t* word, uint32_t* value);
// Stores `desired` if the word is *expected; *expected becomes what it was.
[[nodiscard]] bool user_compare_exchange_word(uint32_t* word, uint32_t* expected, uint32_t desired);

}  // namespace eremite::arch
