// Where the library OS is entered: at start, by system calls, and by upcalls (traps that the supervisor reflects).
#include "abi/cpu_block_offsets.h"
#include "libos/arch/x86_64/syscall_dispatch.inc"

#define ENOSYS 38
#define BOOT_STACK_SIZE 32768

    .text

// ---- start -------------------------------------------------------------------------------------------------------
// The supervisor's iretq comes here in ring 3: rdi = boot information, rsp = boot stack, which becomes the main thread's
// kernel stack.
    .globl eremite_libos_start
eremite_libos_start:
    lea eremite_cpu_blocks, %rax
    mov %rax, CPU_SELF(%rax)
    wrgsbase %rax
    movq $eremite_boot_stack, CPU_KERNEL_STACK_BASE(%rax)
    movq $eremite_boot_stack_end, CPU_KERNEL_STACK_TOP(%rax)
    movq $eremite_boot_stack_end - eremite_boot_stack, CPU_KERNEL_STACK_SIZE(%rax)
    call libos_main             // does not return
    ud2

// The same of another CPU: rdi = its block, rsp = the kernel stack of its idle thread.
    .globl eremite_libos_cpu_start
eremite_libos_cpu_start:
    wrgsbase %rdi
    call libos_cpu_main         // does not return
    ud2

    .pushsection .bss
    .align 4096
    .globl eremite_boot_stack_guard, eremite_boot_stack, eremite_boot_stack_end
eremite_boot_stack_guard:       // left unmapped
    .skip 4096
eremite_boot_stack:
    .skip BOOT_STACK_SIZE
eremite_boot_stack_end:
    .popsection

// ---- supervisor calls -----------------------------------------------------------------------------------------------
// uint64_t supervisor_call_raw(operation, a, b, c): the registers of abi/supervisor_call.hpp are those of a C++ function.
    .globl supervisor_call_raw, eremite_supervisor_call_site
supervisor_call_raw:
eremite_supervisor_call_site:
    ud2
    ret

// unsigned probe_syscall_ring(): the ring in which a `syscall` lands (the supervisor's probe stub answers in eax).
    .globl probe_syscall_ring
probe_syscall_ring:
    syscall
    ret

// ---- system calls -----------------------------------------------------------------------------------------------------
// On entry: rax = number, rdi rsi rdx r10 r8 r9 = arguments, rcx = return address, rsp = the program's. On return rcx and
// r11 are lost and all else is kept. Handlers (libos/syscall/adapter.hpp) keep every register but rax themselves, so that
// a short one costs little; what is called from here on the slow paths gets them saved.
// Kernel stack, from the top: rsp, rcx (return address).
//
// The first instruction of each entry runs with the virtual interrupt flag still set. An upcall there may switch threads,
// so it completes the load from the CPU block first (trap.cpp); from the second on the flag is clear.

.macro enter_kernel
    mov %rsp, %r11
    mov %gs:CPU_KERNEL_STACK_TOP, %rsp
    push %r11
    push %rcx
    cld
.endm

// The general registers of struct TrapFrame, rax highest.
.macro push_registers
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
.endm

// Makes the program's registers a struct TrapFrame. On the kernel stack lie `above` bytes, then rcx (its rip) and its rsp.
.macro push_program_frame above, vector
    pushq $SELECTOR_USER_DATA
    pushq 16 + \above(%rsp)    // rsp
    pushfq
    pushq $SELECTOR_USER_CODE
    pushq 32 + \above(%rsp)    // rip: what rcx was
    pushq $0                    // error, vector, interrupts, address
    pushq $\vector
    pushq $1
    pushq $0
    push_registers
.endm

    .align 16
    .globl eremite_syscall_entry_slot, eremite_syscall_entry_direct, eremite_syscall_entry_slot_end
    .globl eremite_syscall_exit_check, eremite_syscall_exit_stack, eremite_syscall_exit_jump
eremite_syscall_entry_slot:     // a `syscall` that went through the supervisor's stub
    mov %gs:CPU_SYSCALL_RETURN, %rcx
eremite_syscall_entry_slot_end:
eremite_syscall_entry_direct:   // a `syscall` that landed here in ring 3
    movb $0, %gs:CPU_INTERRUPTS_ENABLED
    incq %gs:CPU_SYSCALLS_TRAPPED
    enter_kernel
    call_keeping_registers eremite_patch_call_site
    jmp dispatch

    .align 16
    .globl eremite_syscall_entry_patched
eremite_syscall_entry_patched:  // a patched call site, by its trampoline
    movb $0, %gs:CPU_INTERRUPTS_ENABLED
    enter_kernel
dispatch:
    incq %gs:CPU_SYSCALLS
    mov %r10, %rcx
    .globl eremite_dispatch
eremite_dispatch:               // becomes a jump to eremite_traced_dispatch where system calls are traced (syscall_trace.cpp)
    cmp $SYSCALL_COUNT, %rax
    jae 2f
    call *eremite_syscall_table(, %rax, 8)
    .globl eremite_syscall_exit
eremite_syscall_exit:
    movb $1, %gs:CPU_INTERRUPTS_ENABLED
eremite_syscall_exit_check:     // from here on an upcall may come: it finishes the exit itself (trap.cpp)
    cmpb $0, %gs:CPU_ANY_PENDING
    jne 3f
    pop %rcx
eremite_syscall_exit_stack:
    pop %rsp
eremite_syscall_exit_jump:
    jmp *%rcx
2:  call eremite_missing_syscall
    jmp eremite_syscall_exit
3:  movb $0, %gs:CPU_INTERRUPTS_ENABLED
    push_program_frame 0, VECTOR_SYSCALL
look_before_program:            // rsp = struct TrapFrame of the program
    mov %rsp, %rdi
    call eremite_leave_kernel
    jmp return_to_program

    .globl eremite_missing_syscall
eremite_missing_syscall:        // a number without a handler: rax still holds it
    mov %rax, %rcx
    sub $8, %rsp
    call_keeping_registers eremite_unknown_syscall
    add $8, %rsp
    mov $-ENOSYS, %rax
    ret

// All of them but rax, on which the stack pointer stands then.
.macro pop_registers_but_rax
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
.endm

// A handler that is told all of the program's registers, as struct TrapFrame: long function(TrapFrame*). Stands in the table.
// The kernel stack above holds our return address, then rcx and rsp of the program.
.macro handler_with_registers name, function
    .globl \name
\name:
    push_program_frame 8, 0
    mov %rsp, %rdi
    sub $8, %rsp
    call \function
    add $8, %rsp
    pop_registers_but_rax
    add $10 * 8, %rsp           // rax, which is the result now, and what iretq would take
    ret
.endm

    handler_with_registers eremite_clone, eremite_do_clone
    handler_with_registers eremite_clone3, eremite_do_clone3

    .globl eremite_sigreturn
eremite_sigreturn:              // all registers change: leaves by the way that sets them all
    push_program_frame 8, 0
    mov %rsp, %rdi
    sub $8, %rsp
    call eremite_do_sigreturn
    add $8, %rsp
    jmp look_before_program

// ---- upcalls -------------------------------------------------------------------------------------------------------------
// The supervisor left the trap in the CPU block, cleared the virtual interrupt flag and changed nothing but rip. Copies
// the trap to the kernel stack as a struct TrapFrame: on the interrupted code's stack pointer if that is on this thread's
// kernel stack, else at its top.
    .align 16
    .globl eremite_upcall_entry, eremite_upcall_entry_end
eremite_upcall_entry:
    mov %rax, %gs:CPU_SCRATCH
    mov %rsp, %rax
    sub %gs:CPU_KERNEL_STACK_BASE, %rax
    cmp %gs:CPU_KERNEL_STACK_SIZE, %rax
    jbe 1f
    mov %gs:CPU_KERNEL_STACK_TOP, %rsp
1:  and $-16, %rsp
    pushq $SELECTOR_USER_DATA
    pushq %gs:CPU_TRAP_RSP
    pushq %gs:CPU_TRAP_RFLAGS
    pushq $SELECTOR_USER_CODE
    pushq %gs:CPU_TRAP_RIP
    pushq %gs:CPU_TRAP_ERROR
    pushq %gs:CPU_TRAP_VECTOR
    pushq %gs:CPU_TRAP_INTERRUPTS
    pushq %gs:CPU_TRAP_ADDRESS
    mov %gs:CPU_SCRATCH, %rax
    push_registers
eremite_upcall_entry_end:
    cld
    mov %rsp, %rdi
    call eremite_upcall         // true: back to the program, with the virtual interrupt flag set
    test %al, %al
    jnz return_to_program
return_from_trap:
    pop_registers_but_rax
    pop %rax
    add $32, %rsp               // address, interrupts, vector, error
    iretq                       // in ring 3, to ring 3
return_to_program:
    pop_registers_but_rax
    pop %rax
    add $32, %rsp
    movb $1, %gs:CPU_INTERRUPTS_ENABLED
    .globl eremite_trap_exit_check, eremite_trap_exit_end
eremite_trap_exit_check:        // from here on an upcall may come: it takes over what is left on this stack (trap.cpp)
    cmpb $0, %gs:CPU_ANY_PENDING
    jne 1f
    iretq
eremite_trap_exit_end:
1:  movb $0, %gs:CPU_INTERRUPTS_ENABLED
    pushq $0                    // error, vector, interrupts, address
    pushq $0
    pushq $1
    pushq $0
    push_registers
    jmp look_before_program

// ---- threads ------------------------------------------------------------------------------------------------------------
// void switch_stack(uint64_t* save /*rdi*/, uint64_t stack_pointer /*rsi*/): struct SwitchFrame (context.cpp) on both stacks.
    .globl switch_stack, kernel_thread_start, program_thread_start
switch_stack:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

kernel_thread_start:            // r12 = function, r13 = argument
    mov %r13, %rdi
    call *%r12
    ud2

program_thread_start:           // rsp = struct TrapFrame
    mov %rsp, %rdi
    call eremite_thread_started
    jmp look_before_program

// ---- to the program -----------------------------------------------------------------------------------------------------
// [[noreturn]] void enter_program(uint64_t entry /*rdi*/, uint64_t stack_pointer /*rsi*/)
// x86-64 psABI 3.4.1: rdx = 0 (no function to register with atexit), rbp = 0.
    .globl enter_program
enter_program:
    mov %rsi, %rsp
    mov %rdi, %rcx
    xor %eax, %eax
    xor %ebx, %ebx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %ebp, %ebp
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    movb $1, %gs:CPU_INTERRUPTS_ENABLED
    jmp *%rcx

// ---- accesses that may fault -----------------------------------------------------------------------------------------------
// A fault at the first address of a pair continues at the second.
.macro fixup from, to
    .pushsection .fixup_table, "a", @progbits
    .quad \from, \to
    .popsection
.endm

// size_t name(void* destination, const void* source, size_t size)
.macro copy_function name
    .globl \name
\name:
    mov %edx, %r8d
    and $7, %r8d
    mov %rdx, %rcx
    shr $3, %rcx
1:  rep movsq
    mov %r8d, %ecx
2:  rep movsb
    xor %eax, %eax
    ret
3:  lea (%r8, %rcx, 8), %rax
    ret
4:  mov %rcx, %rax
    ret
    fixup 1b, 3b
    fixup 2b, 4b
.endm
    copy_function user_copy_raw

// What follows up to eremite_no_waiting_end may run under a spinlock: a page that is not in memory is not waited for (trap.cpp).
    .globl eremite_no_waiting_start, eremite_no_waiting_end
eremite_no_waiting_start:
    copy_function user_copy_now_raw

// size_t user_zero_raw(void* destination, size_t size)
    .globl user_zero_raw
user_zero_raw:
    mov %esi, %r8d
    and $7, %r8d
    mov %rsi, %rcx
    shr $3, %rcx
    xor %eax, %eax
1:  rep stosq
    mov %r8d, %ecx
2:  rep stosb
    ret
3:  lea (%r8, %rcx, 8), %rax
    ret
4:  mov %rcx, %rax
    ret
    fixup 1b, 3b
    fixup 2b, 4b

// bool user_load_word_raw(const uint32_t* word, uint32_t* value)
    .globl user_load_word_raw, user_compare_exchange_word_raw
user_load_word_raw:
    xor %eax, %eax
1:  mov (%rdi), %edx
    mov %edx, (%rsi)
    inc %eax
2:  ret
    fixup 1b, 2b

// bool user_compare_exchange_word_raw(uint32_t* word, uint32_t* expected, uint32_t desired)
user_compare_exchange_word_raw:
    mov (%rsi), %eax
1:  lock cmpxchg %edx, (%rdi)
    mov %eax, (%rsi)
    mov $1, %eax
    ret
2:  xor %eax, %eax
    ret
    fixup 1b, 2b
eremite_no_waiting_end:

// bool try_rdseed(uint64_t*), bool try_rdrand(uint64_t*): false when the CPU has none to give, or no such instruction.
.macro random_instruction name, instruction
    .globl \name
\name:
    xor %eax, %eax
1:  \instruction %rdx
    jnc 2f
    mov %rdx, (%rdi)
    mov $1, %eax
2:  ret
    fixup 1b, 2b
.endm
    random_instruction try_rdseed, rdseed
    random_instruction try_rdrand, rdrand

    .section .note.GNU-stack, "", @progbits
