#pragma once
// open(2), openat2(2), creat(2), close(2), close_range(2), memfd_create(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_open(VirtualAddress path, int flags, uint32_t mode);
Result<long> sys_openat(int directory, VirtualAddress path, int flags, uint32_t mode);
// `how` is a struct open_how of `size` bytes.
Result<long> sys_openat2(int directory, VirtualAddress path, VirtualAddress how, size_t size);
Result<long> sys_creat(VirtualAddress path, uint32_t mode);
Result<long> sys_close(int descriptor);
Result<long> sys_close_range(uint32_t first, uint32_t last, uint32_t flags);
Result<long> sys_memfd_create(VirtualAddress name, uint32_t flags);

}  // namespace eremite::syscall
