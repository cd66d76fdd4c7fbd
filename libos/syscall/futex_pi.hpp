#pragma once
// Futexes with priority inheritance (futex(2), "Priority-inheritance futexes"): the word holds the id of the lock's owner, who
// is as important as the most important thread that waits for it.
#include "base/address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace eremite::syscall {

// EDEADLK: it is the caller's; EAGAIN: `only_try`, and somebody has it; ESRCH: its owner is gone; ETIMEDOUT, EINTR, EFAULT.
Result<long> lock_pi(VirtualAddress word, uint64_t key, Instant deadline, bool only_try);
// EPERM: it is not the caller's.
Result<long> unlock_pi(VirtualAddress word, uint64_t key);
// The same for an owner that ended; the next one learns of it from the bit that stays in the word.
void abandon_pi(VirtualAddress word, uint64_t key);

}  // namespace eremite::syscall
