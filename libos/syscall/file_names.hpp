#pragma once
// Calls that change names: mkdir(2), rmdir(2), unlink(2), rename(2), link(2), symlink(2), mknod(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_mkdir(VirtualAddress path, uint32_t mode);
Result<long> sys_mkdirat(int directory, VirtualAddress path, uint32_t mode);
Result<long> sys_rmdir(VirtualAddress path);
Result<long> sys_unlink(VirtualAddress path);
Result<long> sys_unlinkat(int directory, VirtualAddress path, int flags);
Result<long> sys_rename(VirtualAddress from, VirtualAddress to);
Result<long> sys_renameat(int from_directory, VirtualAddress from, int to_directory, VirtualAddress to);
Result<long> sys_renameat2(int from_directory, VirtualAddress from, int to_directory, VirtualAddress to, uint32_t flags);
Result<long> sys_link(VirtualAddress from, VirtualAddress to);
Result<long> sys_linkat(int from_directory, VirtualAddress from, int to_directory, VirtualAddress to, int flags);
Result<long> sys_symlink(VirtualAddress target, VirtualAddress path);
Result<long> sys_symlinkat(VirtualAddress target, int directory, VirtualAddress path);
Result<long> sys_mknod(VirtualAddress path, uint32_t mode, uint32_t device);
Result<long> sys_mknodat(int directory, VirtualAddress path, uint32_t mode, uint32_t device);

}  // namespace eremite::syscall
