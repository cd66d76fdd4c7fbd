#pragma once
// getdents64(2), getdents(2), getcwd(2), chdir(2), fchdir(2), umask(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_getdents64(int descriptor, VirtualAddress buffer, uint32_t size);
// The older layout, with the type of an entry in its last byte.
Result<long> sys_getdents(int descriptor, VirtualAddress buffer, uint32_t size);
Result<long> sys_getcwd(VirtualAddress buffer, size_t size);
Result<long> sys_chdir(VirtualAddress path);
Result<long> sys_fchdir(int descriptor);
Result<long> sys_umask(uint32_t mask);

}  // namespace eremite::syscall
