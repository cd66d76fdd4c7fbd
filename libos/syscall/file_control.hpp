#pragma once
// dup(2), fcntl(2), flock(2), ioctl(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_dup(int descriptor);
Result<long> sys_dup2(int descriptor, int target);
Result<long> sys_dup3(int descriptor, int target, int flags);
Result<long> sys_fcntl(int descriptor, int command, uint64_t argument);
Result<long> sys_flock(int descriptor, int operation);
Result<long> sys_ioctl(int descriptor, uint32_t request, uint64_t argument);

}  // namespace eremite::syscall
