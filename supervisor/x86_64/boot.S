// PVH entry (xen/include/public/arch-x86/hvm/start_info.h, "Direct boot ABI"): 32-bit protected mode, paging off, flat
// segments, ebx = physical address of the start info. Goes to long mode and on to supervisor_main.
#include "abi/cpu_block_offsets.h"

#define PRESENT_WRITE_USER 7
#define LARGE 0x80
#define UNCACHED 0x18
#define BOOT_STACK_SIZE 4096
// Selectors of the table that other CPUs start with.
#define START_CODE 0x08
#define START_DATA 0x10

    .section .note.Xen, "aR", @note
    .align 4
    .long 4                 // name size
    .long 8                 // descriptor size
    .long 18                // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad eremite_entry

    .section .text.boot, "ax", @progbits
    .code32
    .globl eremite_entry
eremite_entry:
    cli
    cld
    mov $boot_stack + BOOT_STACK_SIZE, %esp
    mov %ebx, boot_start_info
    rdtsc
    mov %eax, boot_entry_tsc
    mov %edx, boot_entry_tsc + 4

    // PML4[0] and PML4[128] (the direct map): the first GiB. PML4[160]: the local APIC.
    movl $boot_pdpt + PRESENT_WRITE_USER, boot_pml4
    movl $boot_pdpt + PRESENT_WRITE_USER, boot_pml4 + 128 * 8
    movl $boot_apic_pdpt + PRESENT_WRITE_USER, boot_pml4 + 160 * 8
    movl $boot_pd + PRESENT_WRITE_USER, boot_pdpt
    movl $boot_apic_pd + PRESENT_WRITE_USER, boot_apic_pdpt
    movl $0xfee00000 + LARGE + UNCACHED + 3, boot_apic_pd

    mov $boot_cpu_goes_on, %ebp

to_long_mode:               // goes on at ebp
    mov $0x6a0, %eax        // PAE, PGE, OSFXSR, OSXMMEXCPT
    mov %eax, %cr4
    mov $boot_pml4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx   // EFER: SCE, LME, NXE
    rdmsr
    or $0x901, %eax
    wrmsr
    mov $0x80050033, %eax   // PE, MP, ET, NE, WP, AM, PG
    mov %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $SELECTOR_SUPERVISOR_CODE, $boot_long_mode

    .code64
boot_long_mode:
    mov $SELECTOR_SUPERVISOR_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    jmp *%rbp

boot_cpu_goes_on:
    mov $boot_stack + BOOT_STACK_SIZE, %esp
    mov boot_start_info, %edi
    mov boot_entry_tsc, %rsi
    call supervisor_main    // does not return: continues in ring 3
    ud2

// A CPU that was started comes here from real mode, where only the one may go on that is still expected.
    .code32
other_cpu:
    mov $START_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $other_cpu_goes_on, %ebp
    jmp to_long_mode
    .code64
other_cpu_goes_on:
    xor %eax, %eax
    xchg %rax, starting_stack
    test %rax, %rax
    jz 1f
    mov %rax, %rsp
    mov %rax, %rdi
    call supervisor_cpu_main    // (end of the stack): does not return
1:  cli
    hlt
    jmp 1b

// void enter_ring3(uint64_t rip /*rdi*/, uint64_t rsp /*rsi*/, uint64_t argument /*rdx*/)
    .globl enter_ring3
enter_ring3:
    pushq $SELECTOR_USER_DATA
    push %rsi
    pushq $0x202            // IF set: ring 3 has its virtual interrupt flag instead
    pushq $SELECTOR_USER_CODE
    push %rdi
    mov %rdx, %rdi
    xor %eax, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    xor %ebx, %ebx
    xor %ebp, %ebp
    xor %esi, %esi
    iretq

// bool try_write_cr4(uint64_t value /*rdi*/): false when the CPU refuses it with #GP.
    .globl try_write_cr4, try_write_cr4_instruction, try_write_cr4_failed
try_write_cr4:
    mov $1, %eax
try_write_cr4_instruction:
    mov %rdi, %cr4
    ret
try_write_cr4_failed:
    xor %eax, %eax
    ret

// What a CPU executes first, in real mode, once start_other_cpu has copied it to its page.
    .section .rodata
    .code16
    .globl real_mode_start, real_mode_end
real_mode_start:
    cli
    mov %cs, %ax
    mov %ax, %ds
    lgdtl start_gdt_pointer - real_mode_start
    mov $0x11, %eax         // PE, ET
    mov %eax, %cr0
    ljmpl $START_CODE, $other_cpu
    .align 8
start_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    // START_CODE
    .quad 0x00cf93000000ffff    // START_DATA
start_gdt_pointer:
    .word start_gdt_pointer - start_gdt - 1
    .long CPU_START_PAGE + start_gdt - real_mode_start
real_mode_end:
    .code64

    .data
    .align 16
    .globl supervisor_gdt
supervisor_gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff    // 0x10 supervisor code
    .quad 0x00cf93000000ffff    // 0x18 supervisor data
    .quad 0x00cffb000000ffff    // 0x20 user code, 32-bit (sysret's base)
    .quad 0x00cff3000000ffff    // 0x28 user data
    .quad 0x00affb000000ffff    // 0x30 user code
    .quad 0
    .quad 0, 0                  // 0x40 TSS
supervisor_gdt_end:
boot_gdt_pointer:
    .word supervisor_gdt_end - supervisor_gdt - 1
    .quad supervisor_gdt

    .align 4096
boot_pd:                    // the first GiB in 2 MiB pages: ready-made, for a host that interprets ring 0 slowly
    .set address, 0
    .rept 512
    .quad address + LARGE + PRESENT_WRITE_USER
    .set address, address + 0x200000
    .endr

    .bss
    .align 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_apic_pdpt: .skip 4096
boot_apic_pd: .skip 4096
boot_stack: .skip BOOT_STACK_SIZE
    .align 8
boot_entry_tsc: .skip 8
boot_start_info: .skip 4

    .section .note.GNU-stack, "", @progbits
