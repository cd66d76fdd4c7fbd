// The vDSO as it was linked, to be copied into the program's address space.
    .section .rodata
    .align 16
    .globl eremite_vdso_start, eremite_vdso_end
eremite_vdso_start:
    .incbin "vdso.so"
eremite_vdso_end:
    .section .note.GNU-stack, "", @progbits
