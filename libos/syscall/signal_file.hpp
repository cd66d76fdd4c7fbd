#pragma once
// signalfd(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

// `descriptor` -1: a new one, else the one whose set changes.
Result<long> sys_signalfd(int descriptor, VirtualAddress set, size_t set_size);
Result<long> sys_signalfd4(int descriptor, VirtualAddress set, size_t set_size, uint32_t flags);

}  // namespace eremite::syscall
