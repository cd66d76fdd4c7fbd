#pragma once
// What the supervisor keeps for each CPU: a 4 KiB aligned area that the trap stubs find by masking their stack pointer.
#include <cstddef>
#include <cstdint>

#include "abi/boot_info.hpp"
#include "abi/cpu_block.hpp"
#include "abi/supervisor_call.hpp"

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

struct alignas(4096) CpuArea {
    abi::CpuBlock* block;  // first: the stubs read it
    uint32_t apic_id;
    uint32_t index;
    uint64_t descriptors[10];  // its GDT
    TaskState task_state;
    alignas(16) uint8_t alarm_stack[512];      // IST 3: double fault, machine check, NMI
    alignas(16) uint8_t interrupt_stack[512];  // IST 2
    alignas(16) uint8_t trap_stack[2864];      // IST 1: exceptions and supervisor calls
};
static_assert(sizeof(CpuArea) == 4096 && offsetof(CpuArea, trap_stack) + sizeof(CpuArea::trap_stack) == 4096);

[[nodiscard]] CpuArea& cpu_area(unsigned index);

// Brings the CPU that runs this into service: descriptor tables, control registers, MSRs, local APIC.
// Returns the timer mode, the enabled extended state and the sizes of pages in `info`.
void start_this_cpu(CpuArea& area, abi::BootInfo& info);
// Where `syscall` goes on this CPU, as the library OS found out.
void set_syscall_mode(const CpuArea& area, abi::SyscallMode mode);
// With the library OS's page tables, our pages are marked as the supervisor's: ring 0 executes nothing else from now on.
void forbid_execution_of_user_pages();

// What CPUs do to each other (smp.cpp): see abi::SupervisorCall.
uint64_t start_other_cpu(unsigned index, uint32_t apic_id, uint64_t page_table);
uint64_t cancel_other_cpu();
void interrupt_cpu(unsigned index, uint8_t vector);

// Prints what happened to the serial port and ends the machine.
[[noreturn]] void fatal(const char* message, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0);

}  // namespace eremite::supervisor
