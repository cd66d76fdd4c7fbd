#pragma once
// What a thread keeps while it does not run, and the switch between two threads of one CPU.
#include <cstddef>
#include <cstdint>

#include "libos/arch/kernel_stack.hpp"

namespace eremite::arch {

struct TrapFrame;

struct ThreadContext {
    uint64_t stack_pointer = 0;         // on its kernel stack
    uint64_t thread_pointer = 0;        // FS base
    uint8_t* extended_state = nullptr;  // x87 and vector registers; null for a thread of the kernel, which has none
    unsigned state_cpu = ~0u;           // whose registers held the extended state last
};

// Finds out how the extended state is saved. `xcr0`: the components that the supervisor enabled; 0: no XSAVE.
void start_extended_state(uint64_t xcr0);
// Bytes of an extended state, which must be aligned to 64.
[[nodiscard]] size_t extended_state_size();

// Which components there are (XCR0); 0: only the legacy ones, without a header.
[[nodiscard]] uint32_t extended_state_components();
// The running thread's state, from the registers to its area, or back. Of what came from the program `size` bytes are valid
// (at least 512, or 0: none, which stands for the initial state), and nothing that the CPU would refuse is loaded.
void save_extended_state(ThreadContext& context);
void load_extended_state(ThreadContext& context, size_t size);

// The thread will begin with function(argument), which must not return.
void prepare_kernel_thread(ThreadContext& context, const KernelStack& stack, void (*function)(void*), void* argument);
// The thread will begin in the program as a copy of the thread in a system call with these registers, whose extended state
// it gets as it is now; the system call returns 0 to it on `stack_pointer` (0: the same).
void prepare_program_thread(ThreadContext& context, const KernelStack& stack, const TrapFrame& registers, uint64_t stack_pointer);

// Goes on with `to`; returns when somebody switches back to `from`. Requires: virtual interrupt flag clear.
void switch_context(ThreadContext& from, ThreadContext& to, const KernelStack& stack_of_to);
// The thread of this context will not run again.
void forget_context(const ThreadContext& context);

}  // namespace eremite::arch
