#pragma once
// The CPU block of the CPU that runs this, through GS.
#include "abi/cpu_block.hpp"

extern "C" eremite::abi::CpuBlock eremite_cpu_blocks[eremite::abi::max_cpus];

namespace eremite::arch {

[[nodiscard]] inline abi::CpuBlock& this_cpu() {
    abi::CpuBlock* block;
    // SAFETY: GS base is the CPU block from eremite_libos_start on; its first field is its own address. Volatile: another CPU
    // may go on with the thread, so the reference is good only as long as nothing switches threads.
    asm volatile("mov %%gs:0, %0" : "=r"(block));
    return *block;
}

// The virtual interrupt flag, each in one instruction: with the flag set, another CPU may go on with the thread at any time.
inline void enable_interrupts() { asm volatile("movb $1, %%gs:%c0" : : "i"(CPU_INTERRUPTS_ENABLED) : "memory"); }
inline void disable_interrupts() { asm volatile("movb $0, %%gs:%c0" : : "i"(CPU_INTERRUPTS_ENABLED) : "memory"); }

}  // namespace eremite::arch
