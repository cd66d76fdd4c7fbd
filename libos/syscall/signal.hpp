#pragma once
// What one thread needs of signals: dispositions, mask, and signals that the program sends to itself, which take their
// default action.
#include <cstddef>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/arch/trap.hpp"

namespace eremite::syscall {

// Whether the program wants to be called for this signal.
[[nodiscard]] bool handler_installed(int signal);

// sigaction(2). Dispositions are kept. A handler is never called yet: that is said once in the log.
Result<long> sys_rt_sigaction(int signal, VirtualAddress action, VirtualAddress old_action, size_t set_size);
Result<long> sys_rt_sigprocmask(int how, VirtualAddress set, VirtualAddress old_set, size_t set_size);
Result<long> sys_rt_sigpending(VirtualAddress set, size_t set_size);
Result<long> sys_sigaltstack(VirtualAddress stack, VirtualAddress old_stack);
// These see all of the program's registers, to tell where it was when it ends itself.
Result<long> sys_kill(const arch::TrapFrame& frame);
Result<long> sys_tkill(const arch::TrapFrame& frame);
Result<long> sys_tgkill(const arch::TrapFrame& frame);

}  // namespace eremite::syscall
