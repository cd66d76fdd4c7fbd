// Delivery: on the way back to the program its handler is called, or the default action is taken.
#include <errno.h>

#include "base/restart.hpp"
#include "libos/arch/signal_frame.hpp"
#include "libos/arch/trap.hpp"
#include "libos/log/log.hpp"
#include "libos/process/process.hpp"
#include "libos/signal/signals.hpp"
#include "libos/syscall/rseq.hpp"
#include "libos/trace/trace.hpp"

namespace eremite::signal {

namespace {

bool on_alternate_stack(const stack_t& stack, VirtualAddress pointer) {
    if (stack.ss_flags & SS_DISABLE) return false;
    return pointer.value - VirtualAddress{stack.ss_sp}.value < stack.ss_size;
}

[[noreturn]] void die(int signal, const arch::TrapFrame& frame) {
    if (dumps_core(signal)) arch::die_by_signal(signal, frame);
    log::info("the program is ended by signal {}", signal);
    trace::program_killed(signal);
    process::end(128 + signal);
}

// The system call that was interrupted ends with EINTR, or is made again after the handler (signal(7)).
void settle_syscall(arch::TrapFrame& frame, uint64_t action_flags) {
    if (!arch::in_syscall(frame)) return;
    const int64_t result = -arch::syscall_result(frame);
    if (!is_restart(result)) return;
    const bool again = result == restart_always || (result == restart_if_asked && (action_flags & SA_RESTART));
    if (again) arch::repeat_syscall(frame, sched::current_thread().interrupted_syscall);
    else arch::set_syscall_result(frame, -EINTR);
}

void call_handler(arch::TrapFrame& frame, const siginfo_t& information, const Action& action, const arch::FaultDetails& details) {
    sched::Thread& thread = sched::current_thread();
    settle_syscall(frame, action.flags);
    if (!syscall::resume_rseq(arch::instruction_pointer(frame)).ok()) die(SIGSEGV, frame);
    arch::SignalCall call{information, action.handler, action.restorer, thread.blocked_signals, thread.alternate_stack, {}, details};
    if (thread.mask_replaced) {
        call.saved_mask = thread.mask_after_wait;
        thread.mask_replaced = false;
    }
    if ((action.flags & SA_ONSTACK) && !(thread.alternate_stack.ss_flags & SS_DISABLE) &&
        !on_alternate_stack(thread.alternate_stack, arch::stack_pointer(frame)))
        call.stack_end = VirtualAddress{thread.alternate_stack.ss_sp} + thread.alternate_stack.ss_size;
    if (!arch::enter_signal_handler(frame, thread.context, call).ok()) die(SIGSEGV, frame);
    if (action.flags & SA_RESETHAND) {
        Action reset = action;
        reset.handler = 0;
        set_action(information.si_signo, reset);
    }
    uint64_t blocked = thread.blocked_signals | action.mask;
    if (!(action.flags & SA_NODEFER)) blocked |= signal_bit(information.si_signo);
    set_mask(thread, blocked);
}

// Signals that need no handler are dealt with at once. Returns whether a handler was called.
bool deliver_one(arch::TrapFrame& frame, const siginfo_t& information) {
    const int signal = information.si_signo;
    const Action action = action_of(signal);
    if (signal != SIGKILL) {
        if (action.is_ignore() || (action.is_default() && ignored_by_default(signal))) return false;
        if (!action.is_default()) {
            call_handler(frame, information, action, {});
            return true;
        }
    }
    die(signal, frame);
}

}  // namespace

}  // namespace eremite::signal

namespace eremite::arch {

void look_before_program(TrapFrame& frame) {
    using namespace signal;
    sched::Thread& thread = sched::current_thread();
    while (thread.signal_due.load()) {
        const auto next = take(~thread.blocked_signals);
        if (!next) continue;
        trace::signal_delivered(*next);
        go_back_to_call_site(frame);
        (void)deliver_one(frame, *next);
    }
    // No handler took the mask of a wait with it, or the interrupted system call.
    if (thread.mask_replaced) {
        thread.mask_replaced = false;
        set_mask(thread, thread.mask_after_wait);
        if (thread.signal_due.load()) return look_before_program(frame);
    }
    if (in_syscall(frame) && is_restart(-syscall_result(frame))) repeat_syscall(frame, thread.interrupted_syscall);
    end_of_syscall(frame);
    if (!syscall::resume_rseq(instruction_pointer(frame)).ok()) die(SIGSEGV, frame);
}

bool deliver_fault(TrapFrame& frame, const siginfo_t& information, const FaultDetails& details) {
    using namespace signal;
    trace::signal_delivered(information);
    const Action action = action_of(information.si_signo);
    const bool blocked = sched::current_thread().blocked_signals & signal_bit(information.si_signo);
    if (blocked || action.is_default() || action.is_ignore()) return false;
    call_handler(frame, information, action, details);
    return true;
}

}  // namespace eremite::arch
