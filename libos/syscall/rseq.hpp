#pragma once
// Restartable sequences (linux/rseq.h, rseq(2) of the kernel's documentation): the program reads the number of its CPU from
// memory, and short sequences of its code begin anew when the thread was switched meanwhile.
#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_rseq(VirtualAddress area, uint32_t size, int flags, uint32_t signature);

// Before the running thread goes on in the program at `instruction`, after it may have been switched or is about to handle a
// signal: stores the CPU's number, and moves `instruction` to the abort handler of a sequence that it interrupts.
// EFAULT: the program's area or its description of a sequence is not in order, for which it dies (SIGSEGV).
[[nodiscard]] Result<void> resume_rseq(uint64_t& instruction);

}  // namespace eremite::syscall
