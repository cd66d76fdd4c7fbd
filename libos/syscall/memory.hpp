#pragma once
// The program's memory: mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), madvise(2), mincore(2), mlock(2), msync(2).
// Errors as the manual pages have them; what is ours alone stands in libos/mm/address_space.hpp.
#include <cstddef>
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

// `offset` in bytes. EACCES also for memory that would be writable and executable.
Result<long> sys_mmap(uint64_t address, size_t length, int prot, int flags, int fd, uint64_t offset);
Result<long> sys_munmap(uint64_t address, size_t length);
Result<long> sys_mprotect(uint64_t address, size_t length, int prot);
Result<long> sys_mremap(uint64_t old_address, size_t old_length, size_t new_length, int flags, uint64_t new_address);
// The break after the call, moved or not. Never fails.
Result<long> sys_brk(uint64_t address);
Result<long> sys_madvise(uint64_t address, size_t length, int advice);
Result<long> sys_mincore(uint64_t address, size_t length, VirtualAddress vector);
Result<long> sys_mlock(uint64_t address, size_t length);
Result<long> sys_mlock2(uint64_t address, size_t length, int flags);
Result<long> sys_munlock(uint64_t address, size_t length);
Result<long> sys_mlockall(int flags);
Result<long> sys_munlockall();
Result<long> sys_msync(uint64_t address, size_t length, int flags);

}  // namespace eremite::syscall
