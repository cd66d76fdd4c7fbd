#pragma once
// Pipes and event counters. Handlers follow section 2 of the Linux manual.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_pipe(VirtualAddress descriptors);
Result<long> sys_pipe2(VirtualAddress descriptors, uint32_t flags);
Result<long> sys_eventfd(uint32_t initial);
Result<long> sys_eventfd2(uint32_t initial, uint32_t flags);

}  // namespace eremite::syscall
