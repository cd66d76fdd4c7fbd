#pragma once
// What eremite_upcall_entry leaves on the kernel stack, lowest address first.
#include <cstdint>

namespace eremite::arch {

struct TrapFrame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t address;     // cr2 of a page fault
    uint64_t interrupts;  // the virtual interrupt flag before the trap
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;  // what iretq takes
};

}  // namespace eremite::arch
