#include "libos/syscall/futex_pi.hpp"

#include <linux/futex.h>

#include <algorithm>
#include <new>

#include "base/restart.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::syscall {

namespace {

using sched::Thread;
using Queue = List<Thread, sched::ByWait>;

// All threads that wait for such a lock, each with the word's key and the owner's id (futex_key, futex_bits). One list is
// enough: few programs have many of them.
constinit sync::Spinlock lock{sync::Rank::Futex};
alignas(Queue) constinit unsigned char queue_storage[sizeof(Queue)]{};
constinit Queue* queue = nullptr;

// The next three require the lock.
Queue& waiters() {
    if (!queue) queue = new (queue_storage) Queue;
    return *queue;
}

// Makes a thread as important as those who wait for it. ESRCH: there is no such thread.
Result<void> inherit(int owner) {
    unsigned level = 0;
    for (const Thread& thread : waiters())
        if (thread.futex_bits == static_cast<uint32_t>(owner)) level = std::max(level, sched::importance(thread));
    return sched::with_thread(owner, [level](Thread& thread) {
        sched::set_inherited_importance(thread, level);
        return Result<void>{};
    });
}

// Gives the lock to the most important waiter, who is woken; clears the word if there is none. `mark`: stays in the word.
Result<void> hand_over(VirtualAddress word, uint64_t key, uint32_t mark) {
    Thread* next = nullptr;
    uint32_t count = 0;
    for (Thread& thread : waiters()) {
        if (thread.futex_key != key) continue;
        ++count;
        if (!next || sched::importance(thread) > sched::importance(*next)) next = &thread;
    }
    const uint32_t fresh = (next ? static_cast<uint32_t>(next->id) : 0) | (count > 1 ? FUTEX_WAITERS : 0) | mark;
    uint32_t seen = TRY(mm::load_user_word(word));
    for (uint32_t before = ~seen; before != seen;) {
        before = seen;
        seen = TRY(mm::compare_exchange_user_word(word, before, fresh));
    }
    if (!next) return {};
    Queue::remove(*next);
    for (Thread& thread : waiters())
        if (thread.futex_key == key) thread.futex_bits = static_cast<uint32_t>(next->id);
    const int id = next->id;
    sched::wake(*next);
    // It may have ended by now.
    (void)inherit(id);
    return {};
}

}  // namespace

Result<long> lock_pi(VirtualAddress word, uint64_t key, Instant deadline, bool only_try) {
    Thread& thread = sched::current_thread();
    const auto id = static_cast<uint32_t>(thread.id);
    const sync::Guard guard{lock};
    for (;;) {
        const uint32_t value = TRY(mm::load_user_word(word));
        const uint32_t owner = value & FUTEX_TID_MASK;
        if (owner == id) return Error{EDEADLK};
        if (owner == 0) {
            if (TRY(mm::compare_exchange_user_word(word, value, value | id)) == value) return 0L;
            continue;
        }
        if (only_try) return Error{EAGAIN};
        if (!(value & FUTEX_WAITERS) && TRY(mm::compare_exchange_user_word(word, value, value | FUTEX_WAITERS)) != value) continue;
        thread.futex_key = key;
        thread.futex_bits = owner;
        waiters().push_back(thread);
        const auto found = inherit(static_cast<int>(owner));
        const sched::Wakeup why = found.ok() ? sched::block(lock, deadline) : sched::Wakeup::Interrupted;
        // Who was taken off the list has the lock.
        if (!static_cast<ListNode<sched::ByWait>&>(thread).linked()) return 0L;
        Queue::remove(thread);
        if (!found.ok()) return found.error();
        (void)inherit(static_cast<int>(thread.futex_bits));
        if (why == sched::Wakeup::TimedOut) return Error{ETIMEDOUT};
        return Error{restart_always};
    }
}

Result<long> unlock_pi(VirtualAddress word, uint64_t key) {
    const int id = sched::current_thread().id;
    const sync::Guard guard{lock};
    if ((TRY(mm::load_user_word(word)) & FUTEX_TID_MASK) != static_cast<uint32_t>(id)) return Error{EPERM};
    TRY(hand_over(word, key, 0));
    TRY(inherit(id));
    return 0L;
}

void abandon_pi(VirtualAddress word, uint64_t key) {
    const sync::Guard guard{lock};
    // Memory that is gone holds no lock.
    (void)hand_over(word, key, FUTEX_OWNER_DIED);
}

}  // namespace eremite::syscall
