#pragma once
// mount(2), umount2(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

// Mounts a new tmpfs (option `mode`), or changes whether a mount is read-only. Other file systems are mounted at boot (ENODEV).
Result<long> sys_mount(VirtualAddress source, VirtualAddress target, VirtualAddress type, uint64_t flags, VirtualAddress data);
Result<long> sys_umount2(VirtualAddress target, int flags);

}  // namespace eremite::syscall
