#pragma once
// The three timers that every process has: setitimer(2), alarm(2). CPU time is not told apart into the program's own and the
// kernel's, so that ITIMER_VIRTUAL counts as ITIMER_PROF does.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_getitimer(int which, VirtualAddress setting);
Result<long> sys_setitimer(int which, VirtualAddress wanted, VirtualAddress before);
Result<long> sys_alarm(uint32_t seconds);

}  // namespace eremite::syscall
