#pragma once
// epoll(7). Handlers follow section 2 of the Linux manual.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_epoll_create(int size);
Result<long> sys_epoll_create1(uint32_t flags);
Result<long> sys_epoll_ctl(int epoll, int operation, int descriptor, VirtualAddress event);
Result<long> sys_epoll_wait(int epoll, VirtualAddress events, int most, int timeout);
Result<long> sys_epoll_pwait(int epoll, VirtualAddress events, int most, int timeout, VirtualAddress mask, size_t mask_size);
Result<long> sys_epoll_pwait2(int epoll, VirtualAddress events, int most, VirtualAddress timeout, VirtualAddress mask, size_t mask_size);

}  // namespace eremite::syscall
