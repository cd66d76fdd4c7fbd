#pragma once
// chmod(2), chown(2), utimensat(2) and their relatives.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_chmod(VirtualAddress path, uint32_t mode);
Result<long> sys_fchmod(int descriptor, uint32_t mode);
Result<long> sys_fchmodat(int directory, VirtualAddress path, uint32_t mode);
Result<long> sys_fchmodat2(int directory, VirtualAddress path, uint32_t mode, int flags);
Result<long> sys_chown(VirtualAddress path, uint32_t uid, uint32_t gid);
Result<long> sys_lchown(VirtualAddress path, uint32_t uid, uint32_t gid);
Result<long> sys_fchown(int descriptor, uint32_t uid, uint32_t gid);
Result<long> sys_fchownat(int directory, VirtualAddress path, uint32_t uid, uint32_t gid, int flags);
// `times` is two struct timespec, or null for now.
Result<long> sys_utimensat(int directory, VirtualAddress path, VirtualAddress times, int flags);
// `times` is two struct timeval.
Result<long> sys_utimes(VirtualAddress path, VirtualAddress times);
Result<long> sys_futimesat(int directory, VirtualAddress path, VirtualAddress times);
// `times` is a struct utimbuf.
Result<long> sys_utime(VirtualAddress path, VirtualAddress times);

}  // namespace eremite::syscall
