#include "libos/syscall/signal.hpp"

#include <signal.h>

#include "base/restart.hpp"
#include "libos/arch/signal_frame.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/platform/clock.hpp"
#include "libos/signal/signals.hpp"
#include "libos/syscall/process.hpp"
#include "libos/syscall/time.hpp"

namespace eremite::syscall {

namespace {

constexpr size_t set_bytes = 8;

bool on_alternate_stack(const sched::Thread& thread, VirtualAddress pointer) {
    const stack_t& stack = thread.alternate_stack;
    return !(stack.ss_flags & SS_DISABLE) && pointer.value - VirtualAddress{stack.ss_sp}.value < stack.ss_size;
}

// Signal 0 only asks whether the target is there.
Result<long> send_to_thread(int id, const siginfo_t& information) {
    return sched::with_thread(id, [&information](sched::Thread& thread) -> Result<long> {
        if (information.si_signo != 0) TRY(signal::send_to_thread(thread, information));
        return 0L;
    });
}

Result<long> send_to_process(const siginfo_t& information) {
    if (information.si_signo != 0) TRY(signal::send_to_process(information));
    return 0L;
}

bool sendable(int signal) { return signal == 0 || signal::valid(signal); }

// What the program tells with a signal. EPERM is for information that only the kernel gives, except to oneself.
Result<siginfo_t> load_information(int signal, VirtualAddress address) {
    if (!sendable(signal)) return Error{EINVAL};
    siginfo_t information = TRY(mm::UserPtr<siginfo_t>{address}.load());
    information.si_signo = signal;
    return information;
}

}  // namespace

Result<long> sys_rt_sigaction(int signal, VirtualAddress action, VirtualAddress old_action, size_t set_size) {
    if (set_size != set_bytes || !signal::valid(signal)) return Error{EINVAL};
    if (action.value != 0 && (signal::unblockable & signal::signal_bit(signal))) return Error{EINVAL};
    signal::Action before = signal::action_of(signal);
    if (action.value != 0) {
        signal::Action wanted = TRY(mm::UserPtr<signal::Action>{action}.load());
        wanted.mask &= ~signal::unblockable;
        before = signal::set_action(signal, wanted);
    }
    if (old_action.value != 0) TRY(mm::copy_to_user(old_action, &before, sizeof before));
    return 0L;
}

Result<long> sys_rt_sigprocmask(int how, VirtualAddress set, VirtualAddress old_set, size_t set_size) {
    if (set_size != set_bytes) return Error{EINVAL};
    sched::Thread& thread = sched::current_thread();
    const uint64_t before = thread.blocked_signals;
    if (set.value != 0) {
        const uint64_t change = TRY(mm::UserPtr<uint64_t>{set}.load());
        if (how == SIG_BLOCK) signal::set_mask(thread, before | change);
        else if (how == SIG_UNBLOCK) signal::set_mask(thread, before & ~change);
        else if (how == SIG_SETMASK) signal::set_mask(thread, change);
        else return Error{EINVAL};
    }
    if (old_set.value != 0) TRY(mm::UserPtr<uint64_t>{old_set}.store(before));
    return 0L;
}

Result<long> sys_rt_sigpending(VirtualAddress set, size_t set_size) {
    if (set_size > set_bytes) return Error{EINVAL};
    const uint64_t blocked = signal::pending() & sched::current_thread().blocked_signals;
    TRY(mm::copy_to_user(set, &blocked, set_size));
    return 0L;
}

Result<long> sys_pause() {
    while (sched::block(Instant::never()) != sched::Wakeup::Interrupted) {
    }
    return Error{restart_no_handler};
}

Result<long> sys_rt_sigsuspend(VirtualAddress mask, size_t set_size) {
    if (set_size != set_bytes) return Error{EINVAL};
    const uint64_t wanted = TRY(mm::UserPtr<uint64_t>{mask}.load());
    sched::Thread& thread = sched::current_thread();
    thread.mask_after_wait = thread.blocked_signals;
    thread.mask_replaced = true;
    signal::set_mask(thread, wanted);
    return sys_pause();
}

Result<long> sys_rt_sigtimedwait(VirtualAddress set, VirtualAddress information, VirtualAddress timeout, size_t set_size) {
    if (set_size != set_bytes) return Error{EINVAL};
    const uint64_t signals = TRY(mm::UserPtr<uint64_t>{set}.load()) & ~signal::unblockable;
    Instant deadline = Instant::never();
    if (timeout.value != 0) deadline = Instant{later(platform::monotonic_now().ns, TRY(load_time(timeout)))};
    const siginfo_t taken = TRY(signal::wait_for(signals, deadline));
    if (information.value != 0) TRY(mm::copy_to_user(information, &taken, sizeof taken));
    return static_cast<long>(taken.si_signo);
}

Result<long> sys_rt_sigqueueinfo(int pid, int signal, VirtualAddress address) {
    const siginfo_t information = TRY(load_information(signal, address));
    if (pid != process_id) return Error{ESRCH};
    return send_to_process(information);
}

Result<long> sys_rt_tgsigqueueinfo(int pid, int tid, int signal, VirtualAddress address) {
    if (pid <= 0 || tid <= 0) return Error{EINVAL};
    const siginfo_t information = TRY(load_information(signal, address));
    if (pid != process_id) return Error{ESRCH};
    return send_to_thread(tid, information);
}

Result<long> sys_sigaltstack(VirtualAddress stack, VirtualAddress old_stack) {
    constexpr size_t smallest = 2048;
    constexpr int auto_disarm = static_cast<int>(1U << 31);
    sched::Thread& thread = sched::current_thread();
    stack_t before = thread.alternate_stack;
    const bool in_use = on_alternate_stack(thread, arch::program_stack_pointer());
    if (in_use) before.ss_flags |= SS_ONSTACK;
    if (stack.value != 0) {
        const stack_t wanted = TRY(mm::UserPtr<stack_t>{stack}.load());
        if (in_use) return Error{EPERM};
        const int mode = wanted.ss_flags & ~auto_disarm;
        if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK) return Error{EINVAL};
        if (mode != SS_DISABLE && wanted.ss_size < smallest) return Error{ENOMEM};
        thread.alternate_stack = mode == SS_DISABLE ? stack_t{nullptr, SS_DISABLE, 0} : wanted;
        thread.alternate_stack.ss_flags &= ~SS_ONSTACK;
    }
    if (old_stack.value != 0) TRY(mm::UserPtr<stack_t>{old_stack}.store(before));
    return 0L;
}

Result<long> sys_kill(int pid, int signal) {
    if (!sendable(signal)) return Error{EINVAL};
    if (pid != process_id && pid != 0 && pid != -1 && pid != -process_id) return Error{ESRCH};
    return send_to_process(signal::from_program(signal, SI_USER));
}

Result<long> sys_tkill(int tid, int signal) {
    if (tid <= 0 || !sendable(signal)) return Error{EINVAL};
    return send_to_thread(tid, signal::from_program(signal, SI_TKILL));
}

Result<long> sys_tgkill(int pid, int tid, int signal) {
    if (pid <= 0 || tid <= 0 || !sendable(signal)) return Error{EINVAL};
    if (pid != process_id) return Error{ESRCH};
    return send_to_thread(tid, signal::from_program(signal, SI_TKILL));
}

}  // namespace eremite::syscall

// rt_sigreturn(2), with all of the program's registers.
extern "C" void eremite_do_sigreturn(eremite::arch::TrapFrame* frame) {
    using namespace eremite;
    sched::Thread& thread = sched::current_thread();
    const auto back = arch::leave_signal_handler(*frame, thread.context);
    if (!back.ok()) arch::die_by_signal(SIGSEGV, *frame);
    signal::set_mask(thread, back.value().mask);
}
