#pragma once
// sendfile(2), copy_file_range(2), splice(2), tee(2), vmsplice(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_sendfile(int out, int in, VirtualAddress offset, size_t count);
Result<long> sys_copy_file_range(int in, VirtualAddress in_offset, int out, VirtualAddress out_offset, size_t count, uint32_t flags);

Result<long> sys_splice(int in, VirtualAddress in_offset, int out, VirtualAddress out_offset, size_t size, uint32_t flags);
Result<long> sys_tee(int in, int out, size_t size, uint32_t flags);
// `vector`: `count` struct iovec.
Result<long> sys_vmsplice(int descriptor, VirtualAddress vector, long count, uint32_t flags);

}  // namespace eremite::syscall
