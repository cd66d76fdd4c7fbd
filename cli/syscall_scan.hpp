#pragma once
// Which Linux system calls an executable's code makes, as far as its bytes tell.
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string_view>

namespace eremite::cli {

struct SyscallScan {
    std::set<uint32_t> numbers;
    size_t sites = 0;    // `syscall` instructions
    size_t unknown = 0;  // those whose number is not set just before
};

// Adds what a piece of code holds: each `syscall` (0f 05) with the number of the closest `mov $number, %eax` (b8), `mov $number, %rax` (48
// c7 c0) or `xor %eax, %eax` (31 c0) in the 30 bytes before it. Code is not disassembled, so that a constant may be taken for an
// instruction.
void scan_syscalls(std::span<const std::byte> code, SyscallScan& scan);

// "read", "futex"; empty for a number that Linux does not use on x86-64.
std::string_view syscall_name(uint32_t number);

}  // namespace eremite::cli
