#pragma once
// read(2), write(2) and their vectored and positioned forms, lseek(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> read(int descriptor, VirtualAddress buffer, size_t size);
Result<long> write(int descriptor, VirtualAddress buffer, size_t size);
Result<long> readv(int descriptor, VirtualAddress vector, long count);
Result<long> writev(int descriptor, VirtualAddress vector, long count);
Result<long> pread64(int descriptor, VirtualAddress buffer, size_t size, int64_t offset);
Result<long> pwrite64(int descriptor, VirtualAddress buffer, size_t size, int64_t offset);
// The offset comes in two halves; on 64-bit machines the low one holds all of it.
Result<long> preadv(int descriptor, VirtualAddress vector, long count, int64_t offset, uint64_t offset_high);
Result<long> pwritev(int descriptor, VirtualAddress vector, long count, int64_t offset, uint64_t offset_high);
Result<long> preadv2(int descriptor, VirtualAddress vector, long count, int64_t offset, uint64_t offset_high, int flags);
Result<long> pwritev2(int descriptor, VirtualAddress vector, long count, int64_t offset, uint64_t offset_high, int flags);
Result<long> lseek(int descriptor, int64_t offset, uint32_t whence);

}  // namespace eremite::syscall
