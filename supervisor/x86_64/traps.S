// Interrupts and exceptions enter here, on interrupt stacks, and are reflected to the library OS in ring 3. The paths are
// short because a host that interprets ring 0 takes 0.6 microseconds an instruction.
//
// Each CPU owns one 4 KiB aligned area: struct CpuArea, at the bottom its description (first field: address of the CPU
// block), above it three stacks. Masking rsp finds the area, so that nothing in ring 3 (GS, say) is trusted.
#include "abi/cpu_block_offsets.h"

#define CPU_AREA_MASK -4096

    .text

// ---- stubs ------------------------------------------------------------------------------------------------------
// One for each vector, all of a size, in a block that is aligned to its own size, so that the gates can be made by counting. Those
// of invalid opcodes, page faults and flushes are elsewhere, and the ones here are not used.
    .balign VECTOR_COUNT * TRAP_STUB_SIZE
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept VECTOR_COUNT
    .balign TRAP_STUB_SIZE
    .if vector >= FIRST_INTERRUPT_VECTOR
    pushq $vector
    jmp note_interrupt
    .elseif vector == 2
    iretq                   // non-maskable interrupt: noted by the machine, of no use to us
    .elseif vector == 8
    pushq $8
    mov %rsp, %rdi
    jmp fault
    .else
    .ifne (vector - 10) * (vector - 11) * (vector - 12) * (vector - 13) * (vector - 17) * (vector - 21) * (vector - 29) * (vector - 30)
    pushq $0                // no error code from the CPU
    .endif
    pushq $vector
    jmp reflect_exception
    .endif
    .set vector, vector + 1
    .endr
    .balign TRAP_STUB_SIZE

// ---- exceptions -------------------------------------------------------------------------------------------------
// Stack: vector, error code, rip, cs, rflags, rsp, ss.

    .globl invalid_opcode_stub
invalid_opcode_stub:        // invalid opcode: a supervisor call, if it is the one at the known address
    cmpq $eremite_supervisor_call_site, (%rsp)
    jne 1f
    addq $2, (%rsp)         // past the ud2
    mov %rsp, %r8
    and $CPU_AREA_MASK, %r8
    call supervisor_call    // (operation, a, b, c, area): the caller's registers, and it expects to lose what a C++ function may change
    iretq
1:  pushq $0
    pushq $6
    jmp reflect_exception

    .globl page_fault_stub
page_fault_stub:
    push $14
    push %rax
    push %rcx
    mov %rsp, %rcx
    and $CPU_AREA_MASK, %rcx
    mov (%rcx), %rcx
    mov %cr2, %rax
    mov %rax, CPU_TRAP_ADDRESS(%rcx)
    jmp reflect

reflect_exception:
    push %rax
    push %rcx
    mov %rsp, %rcx
    and $CPU_AREA_MASK, %rcx
    mov (%rcx), %rcx        // the CPU block
reflect:                    // rcx, rax, vector, error, rip, cs, rflags, rsp, ss
    testb $3, 40(%rsp)
    jz exception_in_supervisor
    mov 32(%rsp), %rax      // an exception between the reflection of a trap and its copy would lose that trap: fatal
    cmp $eremite_upcall_entry, %rax
    jb 1f
    cmp $eremite_upcall_entry_end, %rax
    jb upcall_lost
1:  mov %rax, CPU_TRAP_RIP(%rcx)
    mov 16(%rsp), %rax
    mov %rax, CPU_TRAP_VECTOR(%rcx)
    mov 24(%rsp), %rax
    mov %rax, CPU_TRAP_ERROR(%rcx)
    mov 48(%rsp), %rax
    mov %rax, CPU_TRAP_RFLAGS(%rcx)
    mov 56(%rsp), %rax
    mov %rax, CPU_TRAP_RSP(%rcx)
    movzbl CPU_INTERRUPTS_ENABLED(%rcx), %eax
    mov %rax, CPU_TRAP_INTERRUPTS(%rcx)
    movb $0, CPU_INTERRUPTS_ENABLED(%rcx)
    movq $eremite_upcall_entry, 32(%rsp)
    andq $~0x100, 48(%rsp)  // the upcall is not single-stepped
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

exception_in_supervisor:
    cmpq $try_write_cr4_instruction, 32(%rsp)
    jne 1f
    movq $try_write_cr4_failed, 32(%rsp)
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq
upcall_lost:
1:  lea 16(%rsp), %rdi
fault:
    mov %rsp, %rsi
    and $CPU_AREA_MASK, %rsi
    call supervisor_fault   // (frame, area): does not return

// ---- interrupts ---------------------------------------------------------------------------------------------------
note_interrupt:             // stack: vector, rip, cs, rflags, rsp, ss
    push %rax
    push %rcx
    mov %rsp, %rcx
    and $CPU_AREA_MASK, %rcx
    mov (%rcx), %rcx
    mov 16(%rsp), %eax
    bts %rax, CPU_PENDING(%rcx)
    movb $1, CPU_ANY_PENDING(%rcx)
    incq CPU_INTERRUPTS(%rcx)
    movabs $LOCAL_APIC_ADDRESS, %rax
    movl $0, 0xb0(%rax)     // end of interrupt (Intel SDM vol. 3, 11.8.5)
    testb $3, 32(%rsp)
    jz 2f
    cmpb $0, CPU_INTERRUPTS_ENABLED(%rcx)
    je 1f
    mov 24(%rsp), %rax
    mov %rax, CPU_TRAP_RIP(%rcx)
    movq $VECTOR_INTERRUPT, CPU_TRAP_VECTOR(%rcx)
    mov 40(%rsp), %rax
    mov %rax, CPU_TRAP_RFLAGS(%rcx)
    mov 48(%rsp), %rax
    mov %rax, CPU_TRAP_RSP(%rcx)
    movq $1, CPU_TRAP_INTERRUPTS(%rcx)
    movb $0, CPU_INTERRUPTS_ENABLED(%rcx)
    movq $eremite_upcall_entry, 24(%rsp)
    andq $~0x100, 40(%rsp)
1:  pop %rcx
    pop %rax
    add $8, %rsp
    iretq
2:  cmpq $supervisor_halt_instruction, 24(%rsp)
    jne 1b
    incq 24(%rsp)           // a host that interprets ring 0 has no sti shadow: do not sleep through this interrupt
    jmp 1b

    .globl flush_stub
flush_stub:                 // the library OS waits in ring 3 until this is done; stack: rip, cs, rflags, rsp, ss
    push %rax
    push %rcx
    push %rdx
    push %rsi
    mov %rsp, %rcx
    and $CPU_AREA_MASK, %rcx
    mov (%rcx), %rcx
    movabs $LOCAL_APIC_ADDRESS, %rax
    movl $0, 0xb0(%rax)
    incq CPU_INTERRUPTS(%rcx)
    mov CPU_FLUSH_WANTED(%rcx), %rdx
    mov CPU_FLUSH_PAGES(%rcx), %rax
    mov CPU_FLUSH_START(%rcx), %rsi
    dec %rax
    cmp $31, %rax
    ja 2f                   // none (all of them) or many
1:  invlpg (%rsi)
    add $4096, %rsi
    dec %rax
    jns 1b
    jmp 3f
2:  mov %cr3, %rax
    mov %rax, %cr3
3:  mov %rdx, CPU_FLUSH_DONE(%rcx)
    pop %rsi
    pop %rdx
    pop %rcx
    testb $3, 16(%rsp)
    jnz 4f
    cmpq $supervisor_halt_instruction, 8(%rsp)
    jne 4f
    incq 8(%rsp)
4:  pop %rax
    iretq

// void supervisor_halt(): Requires: interrupts off.
    .globl supervisor_halt
supervisor_halt:
    sti
supervisor_halt_instruction:
    hlt
    cli
    ret

// ---- where `syscall` lands -------------------------------------------------------------------------------------------
// In ring 0: hands the return address over in the CPU block and goes on in ring 3. No stack, nothing trusted.
    .globl syscall_stubs
    .align SYSCALL_STUB_SIZE
syscall_stubs:              // one for each CPU
    .set index, 0
    .rept EREMITE_MAX_CPUS
    .align SYSCALL_STUB_SIZE
    mov %rcx, eremite_cpu_blocks + index * CPU_BLOCK_SIZE + CPU_SYSCALL_RETURN
    mov $eremite_syscall_entry_slot, %ecx
    and $~0x100, %r11       // the library OS is not single-stepped
    sysretq
    .set index, index + 1
    .endr

// The probe: reports the ring in eax, returns to the caller whichever it was.
    .globl syscall_probe_stub
syscall_probe_stub:
    mov %cs, %eax
    and $3, %eax
    jnz 1f
    sysretq
1:  jmp *%rcx

    .section .note.GNU-stack, "", @progbits
