#pragma once
// inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2).
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::syscall {

Result<long> sys_inotify_init();
Result<long> sys_inotify_init1(uint32_t flags);
Result<long> sys_inotify_add_watch(int descriptor, VirtualAddress path, uint32_t mask);
Result<long> sys_inotify_rm_watch(int descriptor, int watch);

}  // namespace eremite::syscall
