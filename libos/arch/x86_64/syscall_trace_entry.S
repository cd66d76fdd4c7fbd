// The dispatch of system calls (entry.S) where they are traced: syscall_trace.cpp.
#include "libos/arch/x86_64/syscall_dispatch.inc"

    .text
    .globl eremite_traced_dispatch
eremite_traced_dispatch:        // rsp, on which the registers stand then: struct SavedArguments
    call_keeping_registers eremite_syscall_begins, %rsp
    mov %r10, %rcx
    cmp $SYSCALL_COUNT, %rax
    jae 2f
    call *eremite_syscall_table(, %rax, 8)
1:  call_keeping_registers eremite_syscall_ends, %rsp
    jmp eremite_syscall_exit
2:  call eremite_missing_syscall
    jmp 1b

    .section .note.GNU-stack, "", @progbits
