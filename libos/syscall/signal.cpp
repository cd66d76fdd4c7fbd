#include "libos/syscall/signal.hpp"

#include <signal.h>

#include <utility>

#include "libos/arch/syscall.hpp"
#include "libos/arch/trap.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/process/process.hpp"
#include "libos/sched/threads.hpp"
#include "libos/syscall/adapter.hpp"
#include "libos/syscall/process.hpp"

namespace eremite::syscall {

namespace {

constexpr int signal_count = 64;
constexpr size_t set_bytes = 8;

// The kernel's struct sigaction.
struct Action {
    uint64_t handler, flags, restorer, mask;
};
constinit Action actions[signal_count + 1]{};
constinit uint64_t pending = 0;
constinit stack_t alternate_stack{nullptr, SS_DISABLE, 0};

constexpr uint64_t bit(int signal) { return uint64_t{1} << (signal - 1); }
const auto default_action = reinterpret_cast<uint64_t>(SIG_DFL);
const auto ignore_action = reinterpret_cast<uint64_t>(SIG_IGN);

bool valid(int signal) { return signal >= 1 && signal <= signal_count; }

bool ignored_by_default(int signal) {
    return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT || signal == SIGSTOP || signal == SIGTSTP ||
           signal == SIGTTIN || signal == SIGTTOU;
}

// Those whose default action is a core dump: worth a backtrace (signal(7)).
bool dumps_core(int signal) {
    constexpr uint64_t set = bit(SIGQUIT) | bit(SIGILL) | bit(SIGTRAP) | bit(SIGABRT) | bit(SIGBUS) | bit(SIGFPE) | bit(SIGSEGV) | bit(SIGXCPU) |
                             bit(SIGXFSZ) | bit(SIGSYS);
    return set & bit(signal);
}

// Acts on a signal that is not blocked. `frame`: the program's registers, where they are known.
void deliver(int signal, const arch::TrapFrame* frame) {
    const uint64_t handler = actions[signal].handler;
    if (signal != SIGKILL && (handler == ignore_action || (handler == default_action && ignored_by_default(signal)))) return;
    if (signal != SIGKILL && handler != default_action) {
        log::error("signal {} was sent to a handler of the program, and handlers are not called: the default action is taken", signal);
    }
    if (frame && dumps_core(signal)) arch::program_died(arch::death_by_signal(signal, *frame));
    log::info("the program is ended by signal {}", signal);
    process::end(128 + signal);
}

void deliver_pending(const arch::TrapFrame* frame) {
    for (int signal = 1; signal <= signal_count; ++signal) {
        if (!(pending & bit(signal)) || (sched::current_thread().blocked_signals & bit(signal))) continue;
        pending &= ~bit(signal);
        deliver(signal, frame);
    }
}

Result<long> send(int signal, const arch::TrapFrame& frame) {
    if (signal < 0 || signal > signal_count) return Error{EINVAL};
    if (signal == 0) return 0L;
    pending |= bit(signal);
    deliver_pending(&frame);
    return 0L;
}

Result<void> check_thread(int id) {
    return sched::with_thread(id, [](sched::Thread&) { return Result<void>{}; });
}

int argument(const arch::TrapFrame& frame, unsigned index) { return static_cast<int>(arch::syscall_argument(frame, index)); }

}  // namespace

bool handler_installed(int signal) {
    return valid(signal) && actions[signal].handler != default_action && actions[signal].handler != ignore_action;
}

Result<long> sys_rt_sigaction(int signal, VirtualAddress action, VirtualAddress old_action, size_t set_size) {
    if (set_size != set_bytes || !valid(signal)) return Error{EINVAL};
    if (action.value != 0 && (signal == SIGKILL || signal == SIGSTOP)) return Error{EINVAL};
    const Action before = actions[signal];
    if (action.value != 0) {
        Action wanted;
        TRY(mm::copy_from_user(&wanted, action, sizeof wanted));
        actions[signal] = wanted;
        // A pending signal that is ignored from now on is discarded (sigaction(2)).
        if (wanted.handler == ignore_action || (wanted.handler == default_action && ignored_by_default(signal))) pending &= ~bit(signal);
        static constinit bool said = false;
        if (wanted.handler != default_action && wanted.handler != ignore_action && !std::exchange(said, true))
            log::info("the program installed a handler for signal {}; handlers are not called", signal);
    }
    if (old_action.value != 0) TRY(mm::copy_to_user(old_action, &before, sizeof before));
    return 0L;
}

Result<long> sys_rt_sigprocmask(int how, VirtualAddress set, VirtualAddress old_set, size_t set_size) {
    if (set_size != set_bytes) return Error{EINVAL};
    uint64_t& blocked = sched::current_thread().blocked_signals;
    const uint64_t before = blocked;
    if (set.value != 0) {
        const uint64_t change = TRY(mm::UserPtr<uint64_t>{set}.load());
        if (how == SIG_BLOCK) blocked |= change;
        else if (how == SIG_UNBLOCK) blocked &= ~change;
        else if (how == SIG_SETMASK) blocked = change;
        else return Error{EINVAL};
        blocked &= ~(bit(SIGKILL) | bit(SIGSTOP));
    }
    if (old_set.value != 0) TRY(mm::UserPtr<uint64_t>{old_set}.store(before));
    deliver_pending(nullptr);
    return 0L;
}

Result<long> sys_rt_sigpending(VirtualAddress set, size_t set_size) {
    if (set_size > set_bytes) return Error{EINVAL};
    TRY(mm::copy_to_user(set, &pending, set_size));
    return 0L;
}

Result<long> sys_sigaltstack(VirtualAddress stack, VirtualAddress old_stack) {
    constexpr size_t smallest = 2048;
    const stack_t before = alternate_stack;
    if (stack.value != 0) {
        const stack_t wanted = TRY(mm::UserPtr<stack_t>{stack}.load());
        if (wanted.ss_flags != 0 && wanted.ss_flags != SS_DISABLE && wanted.ss_flags != SS_ONSTACK) return Error{EINVAL};
        if (wanted.ss_flags != SS_DISABLE && wanted.ss_size < smallest) return Error{ENOMEM};
        alternate_stack = wanted.ss_flags == SS_DISABLE ? stack_t{nullptr, SS_DISABLE, 0} : wanted;
    }
    if (old_stack.value != 0) TRY(mm::UserPtr<stack_t>{old_stack}.store(before));
    return 0L;
}

Result<long> sys_kill(const arch::TrapFrame& frame) {
    const int pid = argument(frame, 0);
    if (pid != process_id && pid != 0 && pid != -1 && pid != -process_id) return Error{ESRCH};
    return send(argument(frame, 1), frame);
}

Result<long> sys_tkill(const arch::TrapFrame& frame) {
    const int tid = argument(frame, 0);
    if (tid <= 0) return Error{EINVAL};
    TRY(check_thread(tid));
    return send(argument(frame, 1), frame);
}

Result<long> sys_tgkill(const arch::TrapFrame& frame) {
    const int process = argument(frame, 0), thread = argument(frame, 1);
    if (process <= 0 || thread <= 0) return Error{EINVAL};
    if (process != process_id) return Error{ESRCH};
    TRY(check_thread(thread));
    return send(argument(frame, 2), frame);
}

}  // namespace eremite::syscall

extern "C" {

long eremite_do_kill(const eremite::arch::TrapFrame* frame) { return eremite::syscall::to_register(eremite::syscall::sys_kill(*frame)); }
long eremite_do_tkill(const eremite::arch::TrapFrame* frame) { return eremite::syscall::to_register(eremite::syscall::sys_tkill(*frame)); }
long eremite_do_tgkill(const eremite::arch::TrapFrame* frame) { return eremite::syscall::to_register(eremite::syscall::sys_tgkill(*frame)); }

}
