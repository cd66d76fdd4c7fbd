#pragma once
// name_to_handle_at(2), open_by_handle_at(2). No file system here finds files by a handle that outlives them, so none is given.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_name_to_handle_at(int directory, VirtualAddress path, VirtualAddress handle, VirtualAddress mount, int flags);
Result<long> sys_open_by_handle_at(int mount, VirtualAddress handle, int flags);

}  // namespace eremite::syscall
