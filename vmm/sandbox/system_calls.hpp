#pragma once
// What is left of the kernel to a monitor once its machine runs (seccomp(2)): whoever breaks out of the machine into it finds these doors only.
#include <sys/syscall.h>

#include <cstdint>
#include <span>

namespace eremite::vmm::sandbox {

// A system call, in any form, or only with certain bits of an argument.
struct AllowedCall {
    int number = 0;
    int argument = -1;  // counted from 0; -1: the arguments do not matter
    uint64_t mask = 0, value = 0;
};

[[nodiscard]] constexpr AllowedCall with_argument(int number, int argument, uint64_t value) { return {number, argument, UINT32_MAX, value}; }
// The request of an ioctl.
[[nodiscard]] constexpr AllowedCall ioctl_call(unsigned long request) { return with_argument(SYS_ioctl, 1, request); }

// Forbids all others to all threads of the process, for good, and to gain privileges. A thread that tries one ends the process, which says so on
// standard error, with status 1. Memory can neither become nor be made executable. Throws Error.
void restrict_system_calls(std::span<const AllowedCall> allowed);

}  // namespace eremite::vmm::sandbox
