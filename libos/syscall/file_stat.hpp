#pragma once
// stat(2), statx(2), access(2), readlink(2), statfs(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_stat(VirtualAddress path, VirtualAddress buffer);
Result<long> sys_lstat(VirtualAddress path, VirtualAddress buffer);
Result<long> sys_fstat(int descriptor, VirtualAddress buffer);
Result<long> sys_newfstatat(int directory, VirtualAddress path, VirtualAddress buffer, int flags);
Result<long> sys_statx(int directory, VirtualAddress path, int flags, uint32_t mask, VirtualAddress buffer);
Result<long> sys_access(VirtualAddress path, int mode);
Result<long> sys_faccessat(int directory, VirtualAddress path, int mode);
Result<long> sys_faccessat2(int directory, VirtualAddress path, int mode, int flags);
Result<long> sys_readlink(VirtualAddress path, VirtualAddress buffer, int size);
Result<long> sys_readlinkat(int directory, VirtualAddress path, VirtualAddress buffer, int size);
Result<long> sys_statfs(VirtualAddress path, VirtualAddress buffer);
Result<long> sys_fstatfs(int descriptor, VirtualAddress buffer);

}  // namespace eremite::syscall
