#pragma once
// What the supervisor keeps for each CPU: an 8 KiB aligned area that the trap stubs find by masking their stack pointer.
#include <cstddef>
#include <cstdint>

#include "abi/boot_info.hpp"
#include "abi/cpu_block.hpp"

namespace eremite::supervisor {

// Intel SDM vol. 3, 7.7: 64-bit TSS.
struct [[gnu::packed]] TaskState {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_base;
};
static_assert(sizeof(TaskState) == 104);

struct alignas(8192) CpuArea {
    abi::CpuBlock* block;  // first: the stubs read it
    TaskState task_state;
    uint8_t alarm_stack[1024];      // IST 3: double fault, machine check, NMI
    alignas(16) uint8_t interrupt_stack[1024];  // IST 2
    alignas(16) uint8_t trap_stack[5888];       // IST 1: exceptions and supervisor calls
};
static_assert(sizeof(CpuArea) == 8192);

// Brings the CPU that runs this into service: descriptor tables, control registers, MSRs, local APIC.
// `tss_descriptor`: two quads of the GDT. Returns the timer mode and the enabled extended state in `info`.
void start_cpu(CpuArea& area, uint64_t* tss_descriptor, abi::BootInfo& info);

// Prints what happened to the serial port and ends the machine.
[[noreturn]] void fatal(const char* message, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0);

}  // namespace eremite::supervisor
