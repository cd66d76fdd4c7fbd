#pragma once
// What the program sees of a signal: the frame on its stack with all of its registers (struct rt_sigframe of Linux).
#include <signal.h>

#include <cstddef>
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/arch/context.hpp"

namespace eremite::arch {

struct TrapFrame;

// What caused a fault, for the frame.
struct FaultDetails {
    uint64_t vector = 0, error = 0, address = 0;
};

struct SignalCall {
    const siginfo_t& information;
    uint64_t handler, restorer;
    uint64_t saved_mask;      // which the frame holds, to come back with it
    stack_t saved_stack;      // the same of the alternate stack
    VirtualAddress stack_end;  // of the alternate stack; 0: the program's present one is used
    FaultDetails fault;
};

// Makes the frame, and lets `registers` go on in the handler. `context`: that of the running thread. EFAULT: no room on the stack.
[[nodiscard]] Result<void> enter_signal_handler(TrapFrame& registers, ThreadContext& context, const SignalCall& call);

struct SignalReturn {
    uint64_t mask;
    stack_t stack;
};
// rt_sigreturn(2): sets all registers from the frame at the stack pointer. EFAULT: it is not readable or not one.
[[nodiscard]] Result<SignalReturn> leave_signal_handler(TrapFrame& registers, ThreadContext& context);

// What the running rt_sigreturn(2) goes back to: the mask, and the result of the system call before which the handler ran. EFAULT
struct InterruptedCode {
    uint64_t mask;
    int64_t result;
};
[[nodiscard]] Result<InterruptedCode> interrupted_code();

// Bytes that a frame takes at most (AT_MINSIGSTKSZ of getauxval(3)).
[[nodiscard]] size_t signal_frame_size();

[[nodiscard]] VirtualAddress stack_pointer(const TrapFrame& registers);
// A system call that ended with -code: its result, and making the program do it again.
[[nodiscard]] int64_t syscall_result(const TrapFrame& registers);
void set_syscall_result(TrapFrame& registers, int64_t result);
void repeat_syscall(TrapFrame& registers, uint64_t number);
// Lets the program make a system call anew that it has begun and that has not come to the library OS: its registers are those at an
// instruction of its own then, as debuggers and unwinders expect them.
void go_back_to_call_site(TrapFrame& registers);
// Whether the registers are those of a system call that has its result and was not yet looked at by end_of_syscall.
[[nodiscard]] bool in_syscall(const TrapFrame& registers);
void end_of_syscall(TrapFrame& registers);
// Where the thread goes on.
[[nodiscard]] uint64_t& instruction_pointer(TrapFrame& registers);

}  // namespace eremite::arch
