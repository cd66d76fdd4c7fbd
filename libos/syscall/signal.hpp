#pragma once
// The system calls of signals (libos/signal). Handlers follow section 2 of the Linux manual.
#include <cstddef>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/arch/trap.hpp"

namespace eremite::syscall {

Result<long> sys_rt_sigaction(int signal, VirtualAddress action, VirtualAddress old_action, size_t set_size);
Result<long> sys_rt_sigprocmask(int how, VirtualAddress set, VirtualAddress old_set, size_t set_size);
Result<long> sys_rt_sigpending(VirtualAddress set, size_t set_size);
Result<long> sys_rt_sigsuspend(VirtualAddress mask, size_t set_size);
Result<long> sys_rt_sigtimedwait(VirtualAddress set, VirtualAddress information, VirtualAddress timeout, size_t set_size);
Result<long> sys_rt_sigqueueinfo(int pid, int signal, VirtualAddress information);
Result<long> sys_rt_tgsigqueueinfo(int pid, int tid, int signal, VirtualAddress information);
Result<long> sys_sigaltstack(VirtualAddress stack, VirtualAddress old_stack);
Result<long> sys_pause();
Result<long> sys_kill(int pid, int signal);
Result<long> sys_tkill(int tid, int signal);
Result<long> sys_tgkill(int pid, int tid, int signal);

}  // namespace eremite::syscall
