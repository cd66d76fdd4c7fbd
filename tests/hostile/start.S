// PVH entry (xen/include/public/arch-x86/hvm/start_info.h, "Direct boot ABI") of an image that is malicious on purpose. Each processor goes to
// long mode and on to ring 3, where all ports are allowed (by its task state: some hosts lose the privilege level of I/O) and all of the first 4 GiB, devices included, are mapped:
// hosts without virtualization hardware interpret ring 0 slowly.
#include "layout.hpp"

#define PRESENT_WRITE_USER 7
#define LARGE 0x80
#define START_CODE 0x08
#define START_DATA 0x10
#define LONG_CODE 0x18
#define USER_DATA 0x23
#define USER_CODE 0x2b
#define TASK 0x30
#define TASK_LIMIT (104 + 8192)

    .section .note.Xen, "a", @note
    .align 4
    .long 4                 // name size
    .long 8                 // descriptor size
    .long 18                // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad hostile_entry

    // By its name the command knows an image that boots by itself.
    .section eremite_libos_text, "ax", @progbits
    .code32
    .globl hostile_entry
hostile_entry:
    cli
    cld
    mov %ebx, start_info
to_long_mode:
    mov $0x620, %eax        // PAE, OSFXSR, OSXMMEXCPT
    mov %eax, %cr4
    mov $page_map, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx   // EFER: LME
    rdmsr
    or $0x100, %eax
    wrmsr
    mov $0x80050033, %eax   // PE, MP, ET, NE, WP, AM, PG
    mov %eax, %cr0
    lgdt gdt_pointer
    lidt no_idt             // what faults ends the machine by a triple fault
    ljmp $LONG_CODE, $long_mode

    .code64
long_mode:
    mov $USER_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov $1, %edi
    lock xadd %edi, cpus_started
    // Its own descriptor of the one task state: base, and the number of bytes that ports take.
    mov %edi, %ecx
    shl $4, %ecx
    mov $task_state, %eax
    mov %ax, task_descriptors + 2(%rcx)
    shr $16, %eax
    mov %al, task_descriptors + 4(%rcx)
    add $TASK, %ecx
    ltr %cx
    mov %edi, %eax
    imul $STACK_SIZE, %rax, %rax
    lea stacks + STACK_SIZE - 8(%rax), %rdx
    lea stacks + 2048(%rax), %rsp
    pushq $USER_DATA
    push %rdx
    pushq $0x2              // no interrupts
    pushq $USER_CODE
    pushq $hostile_main     // with the processor's number in edi
    iretq

// Another processor comes here from real mode.
    .code32
other_cpu:
    mov $START_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    jmp to_long_mode

    .section .rodata
    .code16
    .globl real_mode_start, real_mode_end
real_mode_start:            // copied to CPU_START_PAGE
    cli
    mov %cs, %ax
    mov %ax, %ds
    lgdtl start_gdt_pointer - real_mode_start
    mov $0x11, %eax         // PE, ET
    mov %eax, %cr0
    ljmpl $START_CODE, $other_cpu
    .align 8
start_gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
real_mode_end:
    .code64

    .data
    .align 16
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    // START_CODE
    .quad 0x00cf93000000ffff    // START_DATA
    .quad 0x00af9b000000ffff    // LONG_CODE
    .quad 0x00cff3000000ffff    // USER_DATA
    .quad 0x00affb000000ffff    // USER_CODE
task_descriptors:
    .rept MOST_CPUS
    .quad 0x0000890000000000 + TASK_LIMIT
    .quad 0
    .endr
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
no_idt:
    .word 0
    .quad 0
    .globl cpus_started, start_info
    .align 8
cpus_started: .long 0
start_info: .long 0

task_state:                 // whose map of ports forbids none
    .skip 102
    .word 104
    .skip 8192
    .byte 0xff

    .align 4096
page_map:
    .quad directories + PRESENT_WRITE_USER
    .skip 4096 - 8
directories:
    .set address, identity
    .rept 5                 // 4 GiB, and the windows behind them
    .quad address + PRESENT_WRITE_USER
    .set address, address + 4096
    .endr
    .skip 4096 - 5 * 8
identity:
    .set address, 0
    .rept 2048              // pages of 2 MiB
    .quad address + LARGE + PRESENT_WRITE_USER
    .set address, address + 0x200000
    .endr
    .globl windows
windows:
    .skip 4096

    .bss
    .align 4096
stacks: .skip STACK_SIZE * MOST_CPUS

    .section .note.GNU-stack, "", @progbits
