#pragma once
// What assembly and C++ share.
#define STACK_SIZE 65536
#define MOST_CPUS 4
#define CPU_START_PAGE 0x8000
