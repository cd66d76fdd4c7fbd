#pragma once
// Memory of the program that a device has to read first, met by a copy that must not wait (mm/user_memory.hpp): the copy fails as
// if the memory were not accessible, and the thread remembers what it was. A system call that ends with EFAULT and has done nothing
// so far is made again once the memory is there (syscall/adapter.hpp); one that goes on after a copy failed waits itself.
#include "libos/mm/address_space.hpp"

namespace eremite::sched {

// By the page fault.
void remember_memory(VirtualAddress address, mm::Access access);
// Waits for what the running thread remembers, and forgets it. False: there is nothing, or it cannot be had.
// Requires: no spinlock is held.
[[nodiscard]] bool await_memory();

}  // namespace eremite::sched
