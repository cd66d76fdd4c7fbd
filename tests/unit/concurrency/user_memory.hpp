#pragma once
// Memory of the program, which lies where a program has it, so that system calls accept it. All of it is mapped.
#include <atomic>
#include <cstdint>

#include "base/address.hpp"
#include "base/time.hpp"

namespace eremite::test {

using Word = std::atomic<uint32_t>;

// Words that threads of the program share, 0 at first.
[[nodiscard]] Word& word(unsigned number);
void clear_words();
[[nodiscard]] inline VirtualAddress address_of(const Word& word) { return VirtualAddress{&word}; }

// A struct timespec of the running thread.
[[nodiscard]] VirtualAddress timespec_of(Instant time);
// Some bytes of the running thread.
[[nodiscard]] uint8_t* scratch();
inline constexpr size_t scratch_size = 1024;

}  // namespace eremite::test
