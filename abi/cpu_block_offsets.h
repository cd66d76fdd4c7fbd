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
#define CPU_INDEX 0xa0
#define CPU_HALTED 0xa4
#define CPU_FLUSH_WANTED 0xa8
#define CPU_FLUSH_DONE 0xb0
#define CPU_FLUSH_START 0xb8
#define CPU_FLUSH_PAGES 0xc0
#define CPU_INTERRUPTS 0xc8
#define CPU_BLOCK_SIZE 0x100

/* As base/address.hpp has it. */
#define DIRECT_MAP_ADDRESS 0x400000000000
/* Other CPUs start in this page of low memory, which belongs to the supervisor. */
#define CPU_START_PAGE 0x8000

/* A supervisor's `syscall` stub for each CPU. */
#define SYSCALL_STUB_SIZE 32

/* CPUs that can be used (CMake option). A set of them is a 64-bit mask. */
#ifndef EREMITE_MAX_CPUS
#define EREMITE_MAX_CPUS 32
#endif

/* Selectors: Linux's own layout, which hosts that interpret ring 0 insist on. */
#define SELECTOR_SUPERVISOR_CODE 0x10
#define SELECTOR_SUPERVISOR_DATA 0x18
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33
#define SELECTOR_TSS 0x40

/* Pseudo vector of an upcall that only says "interrupts are pending". */
#define VECTOR_INTERRUPT 256
/* The same of registers that are no trap's: a system call that ended. */
#define VECTOR_SYSCALL 257
#define FIRST_INTERRUPT_VECTOR 32
/* Vectors from 33 up are those of devices; the last one is the spurious one of the local APIC.
   Another CPU wants translations dropped: done by the supervisor at once. */
#define FLUSH_VECTOR 61
/* Another CPU has something for this one to look at. */
#define ATTENTION_VECTOR 62
#define VECTOR_COUNT 64
/* Bytes from the stub of a vector to that of the next. */
#define TRAP_STUB_SIZE 16

/* The local APIC stands here in every address space, for the supervisor only. */
#define LOCAL_APIC_ADDRESS 0x500000000000
