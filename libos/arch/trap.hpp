#pragma once
// Traps as generic code sees them. The CPU folder turns them into calls of the functions below.
#include <cstdint>

#include "base/address.hpp"

namespace eremite::arch {

struct TrapFrame;

// The registers of interest, for messages and for the host's backtrace.
struct NamedRegister {
    const char* name;
    uint64_t value;
};

// Why the program dies: a Linux signal number with si_code's essence.
struct ProgramFault {
    int signal;
    bool sent;                    // by the program itself: there is no address
    VirtualAddress address;       // what was accessed, or rip
    const char* reason;           // "write to read-only memory"
    VirtualAddress instruction;
    VirtualAddress stack_pointer;
    NamedRegister registers[18];
};

// Implemented by libos/init: ends the program. Does not return.
[[noreturn]] void program_died(const ProgramFault& fault);

// Implemented by libos/platform: the timer's interrupt.
void timer_interrupt();
// Implemented by the drivers: any other vector.
void device_interrupt(unsigned vector);

// The program's death by a signal that it sent itself in the system call with these registers.
[[nodiscard]] ProgramFault death_by_signal(int signal, const TrapFrame& frame);

}  // namespace eremite::arch
