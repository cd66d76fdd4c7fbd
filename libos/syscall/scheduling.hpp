#pragma once
// Who runs when and where: sched(7). Handlers follow section 2 of the Linux manual. A thread is named by its id; 0 is the caller.
#include <cstddef>
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/mm/user_memory.hpp"

namespace eremite::syscall {

Result<long> sys_sched_yield();
Result<long> sys_sched_getaffinity(int thread, size_t size, VirtualAddress mask);
Result<long> sys_sched_setaffinity(int thread, size_t size, VirtualAddress mask);
Result<long> sys_sched_getscheduler(int thread);
Result<long> sys_sched_setscheduler(int thread, int policy, VirtualAddress parameters);
Result<long> sys_sched_getparam(int thread, VirtualAddress parameters);
Result<long> sys_sched_setparam(int thread, VirtualAddress parameters);
Result<long> sys_sched_get_priority_max(int policy);
Result<long> sys_sched_get_priority_min(int policy);
Result<long> sys_sched_rr_get_interval(int thread, VirtualAddress interval);
// EPERM: a private barrier for which the program did not register.
Result<long> sys_membarrier(int command, unsigned flags);
Result<long> sys_getcpu(mm::UserPtr<uint32_t> cpu, mm::UserPtr<uint32_t> node);
// Nice values make the time slices of SCHED_OTHER shorter or longer.
Result<long> sys_getpriority(int which, int who);
Result<long> sys_setpriority(int which, int who, int nice);

}  // namespace eremite::syscall
