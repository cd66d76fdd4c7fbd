# A Linux program without any library: writes a line and ends with status 7.
#include <asm/unistd.h>
        .text
        .globl  _start
_start: mov     $__NR_write, %eax
        mov     $1, %edi
        lea     message(%rip), %rsi
        mov     $length, %edx
        syscall
        mov     $__NR_exit_group, %eax
        mov     $7, %edi
        syscall
        ud2
        .section .rodata
message:
        .ascii  "no library\n"
        .set    length, . - message
        .section .note.GNU-stack, "", @progbits
