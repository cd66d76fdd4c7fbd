#pragma once
// System-call entry as generic code sees it.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::arch {

// Leaves the kernel and starts the program, whose system calls come from `text` for the most part. Does not return.
[[noreturn]] void start_program(VirtualAddress entry, VirtualAddress stack_pointer, VirtualRange text);

// The program's stack pointer in the system call that runs.
[[nodiscard]] VirtualAddress program_stack_pointer();

// Makes the system call that runs end by handling interrupts and rescheduling.
void look_before_return();

struct TrapFrame;

// For handlers that are told all of the program's registers. `index`: 0 to 5.
[[nodiscard]] uint64_t syscall_argument(const TrapFrame& frame, unsigned index);

// Makes each system call tell when it begins and ends. Requires: no call was made yet.
[[nodiscard]] Result<void> trace_system_calls();
// Implemented by libos/trace. Calls that come back elsewhere, or not at all, do not end.
void system_call_begins(uint64_t number, const uint64_t (&arguments)[6]);
void system_call_ends(int64_t result, const uint64_t (&arguments)[6]);

// Counts since boot, over all CPUs.
struct SyscallCounts {
    uint64_t total;
    uint64_t trapped;
    uint64_t patched_sites;
    uint64_t unpatchable_sites;
};
[[nodiscard]] SyscallCounts syscall_counts();

}  // namespace eremite::arch
