#pragma once
// Traps as generic code sees them. The CPU folder turns them into calls of the functions below.
#include <signal.h>

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

// The program's death by a signal that was sent to it, while it has these registers.
[[noreturn]] void die_by_signal(int signal, const TrapFrame& frame);

// Implemented by libos/signal: a thread is about to go on in the program with these registers. May change them. Requires:
// nothing of the kernel is under way.
void look_before_program(TrapFrame& frame);
// Implemented by libos/signal: calls the program's handler for a fault. False: it has none, or the signal is blocked.
struct FaultDetails;
[[nodiscard]] bool deliver_fault(TrapFrame& frame, const siginfo_t& information, const FaultDetails& details);

}  // namespace eremite::arch
