#pragma once
// POSIX timers. Handlers follow section 2 of the Linux manual.
#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_timer_create(int clock, VirtualAddress event, VirtualAddress id);
Result<long> sys_timer_settime(int id, int flags, VirtualAddress wanted, VirtualAddress before);
Result<long> sys_timer_gettime(int id, VirtualAddress setting);
Result<long> sys_timer_getoverrun(int id);
Result<long> sys_timer_delete(int id);

}  // namespace eremite::syscall
