#pragma once
// What the numbers are called.
#include <cstdint>
#include <string_view>

namespace eremite::syscall {

// Linux's name of a system call ("read"); empty for a number that is none of Linux's.
[[nodiscard]] std::string_view name_of(uint64_t number);

}  // namespace eremite::syscall
