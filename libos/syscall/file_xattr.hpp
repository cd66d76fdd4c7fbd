#pragma once
// Extended attributes (xattr(7)). No file system has any, which is a defined answer to every question about them.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_getxattr(VirtualAddress path, VirtualAddress name, VirtualAddress value, size_t size);
Result<long> sys_lgetxattr(VirtualAddress path, VirtualAddress name, VirtualAddress value, size_t size);
Result<long> sys_fgetxattr(int descriptor, VirtualAddress name, VirtualAddress value, size_t size);
Result<long> sys_setxattr(VirtualAddress path, VirtualAddress name, VirtualAddress value, size_t size, int flags);
Result<long> sys_lsetxattr(VirtualAddress path, VirtualAddress name, VirtualAddress value, size_t size, int flags);
Result<long> sys_fsetxattr(int descriptor, VirtualAddress name, VirtualAddress value, size_t size, int flags);
Result<long> sys_listxattr(VirtualAddress path, VirtualAddress list, size_t size);
Result<long> sys_llistxattr(VirtualAddress path, VirtualAddress list, size_t size);
Result<long> sys_flistxattr(int descriptor, VirtualAddress list, size_t size);
Result<long> sys_removexattr(VirtualAddress path, VirtualAddress name);
Result<long> sys_lremovexattr(VirtualAddress path, VirtualAddress name);
Result<long> sys_fremovexattr(int descriptor, VirtualAddress name);

}  // namespace eremite::syscall
