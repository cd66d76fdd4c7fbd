#pragma once
// truncate(2), fallocate(2), fsync(2), sync(2), posix_fadvise(2), readahead(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_truncate(VirtualAddress path, int64_t length);
Result<long> sys_ftruncate(int descriptor, int64_t length);
Result<long> sys_fallocate(int descriptor, int mode, int64_t offset, int64_t length);
Result<long> sys_sync();
Result<long> sys_syncfs(int descriptor);
Result<long> sys_fsync(int descriptor);
Result<long> sys_fdatasync(int descriptor);
Result<long> sys_sync_file_range(int descriptor, int64_t offset, int64_t length, uint32_t flags);
Result<long> sys_fadvise64(int descriptor, int64_t offset, int64_t length, int advice);
Result<long> sys_readahead(int descriptor, int64_t offset, size_t count);

}  // namespace eremite::syscall
