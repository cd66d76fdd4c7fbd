#pragma once
// Clocks and sleeping. clock_gettime(2), clock_nanosleep(2), nanosleep(2), time(2), gettimeofday(2).
#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/syscall/timespec.hpp"

namespace eremite::syscall {

Result<long> sys_clock_gettime(int clock, VirtualAddress time);
Result<long> sys_clock_settime(int clock, VirtualAddress time);
Result<long> sys_clock_getres(int clock, VirtualAddress resolution);
Result<long> sys_clock_nanosleep(int clock, int flags, VirtualAddress request, VirtualAddress remaining);
Result<long> sys_nanosleep(VirtualAddress request, VirtualAddress remaining);
Result<long> sys_time(VirtualAddress time);
Result<long> sys_gettimeofday(VirtualAddress time, VirtualAddress zone);

}  // namespace eremite::syscall
