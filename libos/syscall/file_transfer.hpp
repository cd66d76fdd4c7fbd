#pragma once
// sendfile(2) and copy_file_range(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_sendfile(int out, int in, VirtualAddress offset, size_t count);
Result<long> sys_copy_file_range(int in, VirtualAddress in_offset, int out, VirtualAddress out_offset, size_t count, uint32_t flags);

}  // namespace eremite::syscall
