#pragma once
// One block of ring-3 memory per CPU, through which supervisor and library OS talk. The library OS reaches it through GS;
// the supervisor knows its address and takes nothing from it but the interrupt flag.
#include <cstddef>
#include <cstdint>

#include "abi/cpu_block_offsets.h"

namespace eremite::abi {

struct alignas(CPU_BLOCK_SIZE) CpuBlock {
    CpuBlock* self;
    // The virtual interrupt flag: set, an interrupt is reflected at once; clear, it is only noted in `pending`.
    volatile uint8_t interrupts_enabled;
    volatile uint8_t any_pending;
    uint8_t padding[6];
    volatile uint64_t pending[4];  // a bit per vector
    uint64_t syscall_return;       // rcx of a `syscall` that landed in ring 0
    uint64_t kernel_stack_top;     // of the current thread
    uint64_t kernel_stack_base;
    uint64_t kernel_stack_size;
    uint64_t scratch;
    // The trap being reflected. Valid from the supervisor's return until the upcall entry has copied it.
    uint64_t trap_vector;
    uint64_t trap_error;
    uint64_t trap_address;
    uint64_t trap_rip;
    uint64_t trap_rflags;
    uint64_t trap_rsp;
    uint64_t trap_interrupts;  // the virtual interrupt flag before the trap
    // Counts for `--stats`.
    uint64_t syscalls;
    uint64_t syscalls_trapped;
    uint32_t index;            // of this CPU
    volatile uint32_t halted;  // it sleeps, and looks at `flush_wanted` by itself before it returns to ring 3
    // Translations to be dropped: others raise `flush_wanted`, and `flush_done` follows. They first say what: `flush_pages`
    // pages from `flush_start`; everything when that is 0 or many.
    volatile uint64_t flush_wanted;
    volatile uint64_t flush_done;
    uint64_t flush_start;
    uint64_t flush_pages;
    uint64_t interrupts;  // taken; for `--stats`, as is the next
    uint64_t faults;      // of pages
    uint64_t tlb_reach;   // pages that an emulated CPU's TLB holds, endless for others; 0: not looked at yet
    // What the platform's tables and interrupt messages call this CPU: its local APIC's id, which the supervisor tells here.
    uint32_t hardware_id;
};

static_assert(offsetof(CpuBlock, interrupts_enabled) == CPU_INTERRUPTS_ENABLED);
static_assert(offsetof(CpuBlock, any_pending) == CPU_ANY_PENDING);
static_assert(offsetof(CpuBlock, pending) == CPU_PENDING);
static_assert(offsetof(CpuBlock, syscall_return) == CPU_SYSCALL_RETURN);
static_assert(offsetof(CpuBlock, kernel_stack_top) == CPU_KERNEL_STACK_TOP);
static_assert(offsetof(CpuBlock, kernel_stack_base) == CPU_KERNEL_STACK_BASE);
static_assert(offsetof(CpuBlock, kernel_stack_size) == CPU_KERNEL_STACK_SIZE);
static_assert(offsetof(CpuBlock, scratch) == CPU_SCRATCH);
static_assert(offsetof(CpuBlock, trap_vector) == CPU_TRAP_VECTOR);
static_assert(offsetof(CpuBlock, trap_error) == CPU_TRAP_ERROR);
static_assert(offsetof(CpuBlock, trap_address) == CPU_TRAP_ADDRESS);
static_assert(offsetof(CpuBlock, trap_rip) == CPU_TRAP_RIP);
static_assert(offsetof(CpuBlock, trap_rflags) == CPU_TRAP_RFLAGS);
static_assert(offsetof(CpuBlock, trap_rsp) == CPU_TRAP_RSP);
static_assert(offsetof(CpuBlock, trap_interrupts) == CPU_TRAP_INTERRUPTS);
static_assert(offsetof(CpuBlock, syscalls) == CPU_SYSCALLS);
static_assert(offsetof(CpuBlock, syscalls_trapped) == CPU_SYSCALLS_TRAPPED);
static_assert(offsetof(CpuBlock, index) == CPU_INDEX);
static_assert(offsetof(CpuBlock, halted) == CPU_HALTED);
static_assert(offsetof(CpuBlock, flush_wanted) == CPU_FLUSH_WANTED);
static_assert(offsetof(CpuBlock, flush_done) == CPU_FLUSH_DONE);
static_assert(offsetof(CpuBlock, flush_start) == CPU_FLUSH_START);
static_assert(offsetof(CpuBlock, flush_pages) == CPU_FLUSH_PAGES);
static_assert(offsetof(CpuBlock, interrupts) == CPU_INTERRUPTS);
static_assert(sizeof(CpuBlock) == CPU_BLOCK_SIZE);

inline constexpr unsigned max_cpus = EREMITE_MAX_CPUS;
static_assert(max_cpus >= 1 && max_cpus <= 64);

}  // namespace eremite::abi
