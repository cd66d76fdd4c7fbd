#pragma once
// The CPU block of the CPU that runs this, through GS.
#include "abi/cpu_block.hpp"

extern "C" eremite::abi::CpuBlock eremite_boot_cpu;

namespace eremite::arch {

[[nodiscard]] inline abi::CpuBlock& this_cpu() {
    abi::CpuBlock* block;
    // SAFETY: GS base is the CPU block from eremite_libos_start on; its first field is its own address.
    asm("mov %%gs:0, %0" : "=r"(block));
    return *block;
}

}  // namespace eremite::arch
