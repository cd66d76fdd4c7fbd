#pragma once
// futex(2): threads that wait for a word of memory.
#include <cstddef>
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/sched/thread.hpp"

namespace eremite::syscall {

// Without the priority-inheriting operations, which are ENOSYS.
// Makes the table of waiting threads. To be called once, before the first thread waits.
void start_futexes();
Result<long> sys_futex(VirtualAddress word, int operation, uint32_t value, uint64_t timeout_or_value, VirtualAddress second_word,
                       uint32_t third_value);
Result<long> sys_set_robust_list(VirtualAddress head, size_t size);
Result<long> sys_get_robust_list(int thread, VirtualAddress head, VirtualAddress size);

// What a thread that ends owes to others: robust futexes are marked and their waiters woken (get_robust_list(2)), then the
// word of set_tid_address(2) is zeroed and woken.
void release_futexes(const sched::Thread& thread);

}  // namespace eremite::syscall
