// The extended state by plain moves: what save_vectors stores are YMM0 to YMM15, MXCSR, and a mark (vector_moves.hpp).
#include "libos/arch/x86_64/vector_moves.hpp"

    .text

// bool save_vectors(uint8_t* area): false, and nothing was changed, unless the x87 unit is as FNINIT leaves it.
// Intel SDM vol. 1, 8.1.10: the 28 bytes that FNSTENV stores.
    .globl save_vectors
save_vectors:
    sub $32, %rsp
    fnstenv (%rsp)
    cmpw $0x37f, (%rsp)         // control word: FNSTENV has masked nothing, for nothing was unmasked
    jne 1f
    cmpw $0, 4(%rsp)            // status
    jne 1f
    cmpw $-1, 8(%rsp)           // tags: every register is empty
    jne 1f
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovups %ymm\n, \n * 32(%rdi)
    .endr
    stmxcsr VECTOR_CONTROL(%rdi)
    movb $VECTOR_MARK, VECTOR_MARK_AT(%rdi)
    mov $1, %eax
    add $32, %rsp
    ret
1:  fldenv (%rsp)
    xor %eax, %eax
    add $32, %rsp
    ret

// void restore_vectors(const uint8_t* area)
    .globl restore_vectors
restore_vectors:
    fninit
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovups \n * 32(%rdi), %ymm\n
    .endr
    ldmxcsr VECTOR_CONTROL(%rdi)
    ret

    .section .note.GNU-stack, "", @progbits
