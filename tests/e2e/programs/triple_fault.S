# An image that fails in its kernel: without a table of interrupt handlers, an impossible instruction is a triple fault. PVH starts it in 32 bits.
        .code32
        .section eremite_libos_text, "ax", @progbits
        .globl  _start, outer_function, failing_function
        .type   outer_function, @function
        .type   failing_function, @function
_start: mov     $stack_top, %esp
        call    outer_function
        hlt
outer_function:
        # As far as a kernel of 64 bits would find it: an address takes 8 bytes.
        push    $0
        push    $after_call
        jmp     failing_function
        .byte   0xe8, 0, 0, 0, 0
after_call:
        hlt
        .size   outer_function, . - outer_function
failing_function:
        ud2
        .size   failing_function, . - failing_function

        .bss
        .balign 16
        .skip   4096
stack_top:
        .skip   4096

        # XEN_ELFNOTE_PHYS32_ENTRY
        .section .note.Xen, "a", @note
        .balign 4
        .long   4, 4, 18
        .asciz  "Xen"
        .long   _start
        .section .note.GNU-stack, "", @progbits
