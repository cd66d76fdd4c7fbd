#pragma once
// read(2), write(2) and their vectored and positioned forms, lseek(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_read(int descriptor, VirtualAddress buffer, size_t size);
Result<long> sys_write(int descriptor, VirtualAddress buffer, size_t size);
Result<long> sys_readv(int descriptor, VirtualAddress vector, long count);
Result<long> sys_writev(int descriptor, VirtualAddress vector, long count);
Result<long> sys_pread64(int descriptor, VirtualAddress buffer, size_t size, int64_t offset);
Result<long> sys_pwrite64(int descriptor, VirtualAddress buffer, size_t size, int64_t offset);
// The offset comes in two halves; on 64-bit machines the low one holds all of it.
Result<long> sys_preadv(int descriptor, VirtualAddress vector, long count, int64_t offset, uint64_t offset_high);
Result<long> sys_pwritev(int descriptor, VirtualAddress vector, long count, int64_t offset, uint64_t offset_high);
Result<long> sys_preadv2(int descriptor, VirtualAddress vector, long count, int64_t offset, uint64_t offset_high, int flags);
Result<long> sys_pwritev2(int descriptor, VirtualAddress vector, long count, int64_t offset, uint64_t offset_high, int flags);
Result<long> sys_lseek(int descriptor, int64_t offset, uint32_t whence);

}  // namespace eremite::syscall
