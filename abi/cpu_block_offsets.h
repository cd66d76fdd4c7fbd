/* Offsets into eremite::abi::CpuBlock for assembly; abi/cpu_block.hpp proves that they fit. */
#pragma once
#define CPU_SELF 0x00
#define CPU_INTERRUPTS_ENABLED 0x08
#define CPU_ANY_PENDING 0x09
#define CPU_PENDING 0x10
#define CPU_SYSCALL_RETURN 0x30
#define CPU_KERNEL_STACK_TOP 0x38
#define CPU_KERNEL_STACK_BASE 0x40
#define CPU_KERNEL_STACK_SIZE 0x48
#define CPU_SCRATCH 0x50
#define CPU_TRAP_VECTOR 0x58
#define CPU_TRAP_ERROR 0x60
#define CPU_TRAP_ADDRESS 0x68
#define CPU_TRAP_RIP 0x70
#define CPU_TRAP_RFLAGS 0x78
#define CPU_TRAP_RSP 0x80
#define CPU_TRAP_INTERRUPTS 0x88
#define CPU_SYSCALLS 0x90
#define CPU_SYSCALLS_TRAPPED 0x98
#define CPU_BLOCK_SIZE 0x100

/* Selectors: Linux's own layout, which hosts that interpret ring 0 insist on. */
#define SELECTOR_SUPERVISOR_CODE 0x10
#define SELECTOR_SUPERVISOR_DATA 0x18
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33
#define SELECTOR_TSS 0x40

/* Pseudo vector of an upcall that only says "interrupts are pending". */
#define VECTOR_INTERRUPT 256
#define FIRST_INTERRUPT_VECTOR 32
#define VECTOR_COUNT 64

/* The local APIC stands here in every address space, for the supervisor only. */
#define LOCAL_APIC_ADDRESS 0x500000000000
