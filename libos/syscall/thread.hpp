#pragma once
// The beginning and the end of threads.
#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/arch/trap.hpp"

namespace eremite::syscall {

// clone(2), clone3(2): threads only. ENOSYS, said once in the log: a process.
Result<long> sys_clone(const arch::TrapFrame& registers);
Result<long> sys_clone3(const arch::TrapFrame& registers);
Result<long> sys_gettid();
Result<long> sys_set_tid_address(VirtualAddress address);
// Ends the thread, and with the last one the machine.
Result<long> sys_exit(int status);

}  // namespace eremite::syscall
