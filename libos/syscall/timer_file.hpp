#pragma once
// timerfd_create(2) and its relatives.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_timerfd_create(int clock, uint32_t flags);
Result<long> sys_timerfd_settime(int descriptor, int flags, VirtualAddress wanted, VirtualAddress before);
Result<long> sys_timerfd_gettime(int descriptor, VirtualAddress setting);

}  // namespace eremite::syscall
