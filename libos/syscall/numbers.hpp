#pragma once
// Numbers of system calls: those of asm/unistd.h, and what some versions of it lack (cmake/SyscallNames.cmake has the names).
#include <asm/unistd.h>

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
