#pragma once
// poll(2) and select(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

// `timeout`: milliseconds, negative for ever.
Result<long> sys_poll(VirtualAddress descriptors, uint64_t count, int timeout);
Result<long> sys_ppoll(VirtualAddress descriptors, uint64_t count, VirtualAddress timeout, VirtualAddress mask, size_t mask_size);
Result<long> sys_select(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except, VirtualAddress timeout);
// `mask`: the address of a structure with the mask's address and size.
Result<long> sys_pselect6(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except, VirtualAddress timeout,
                          VirtualAddress mask);

}  // namespace eremite::syscall
