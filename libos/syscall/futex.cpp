#include "libos/syscall/futex.hpp"

#include <linux/futex.h>

#include <algorithm>
#include <new>
#include <optional>

#include "base/restart.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/threads.hpp"
#include "libos/syscall/futex_pi.hpp"
#include "libos/syscall/time.hpp"

namespace eremite::syscall {

namespace {

using sched::Thread;
using Queue = List<Thread, sched::ByWait>;

// Waiting threads by the hash of their key. CPUs that use different words hardly ever meet.
struct Bucket {
    sync::Spinlock lock{sync::Rank::Futex};
    Queue queue;
};
constexpr unsigned bucket_bits = 8;
alignas(Bucket) constinit unsigned char bucket_storage[1 << bucket_bits][sizeof(Bucket)]{};

Bucket& bucket_of(uint64_t key) {
    // Fibonacci hashing (Knuth, vol. 3, 6.4).
    return *std::launder(reinterpret_cast<Bucket*>(bucket_storage[(key >> 2) * 0x9e3779b97f4a7c15 >> (64 - bucket_bits)]));
}

// Both buckets of an operation on two words, which may be the same, locked in the order of their addresses.
class [[nodiscard]] PairGuard {
public:
    PairGuard(Bucket& a, Bucket& b) : first_{std::min(&a, &b)}, second_{std::max(&a, &b)} {
        first_->lock.lock();
        if (second_ != first_) second_->lock.lock();
    }
    PairGuard(const PairGuard&) = delete;
    PairGuard& operator=(const PairGuard&) = delete;
    ~PairGuard() {
        if (second_ != first_) second_->lock.unlock();
        first_->lock.unlock();
    }

private:
    Bucket *first_, *second_;
};

// A word is known by its address, unless it lies in a shared mapping of a file: then by its place there. EFAULT
Result<uint64_t> key_of(VirtualAddress word, int operation) {
    if (!is_aligned(word.value, 4)) return Error{EINVAL};
    if (operation & FUTEX_PRIVATE_FLAG) {
        if (word.value >= user_address_end) return Error{EFAULT};
        return word.value;
    }
    TRY(mm::load_user_word(word));
    const auto identity = mm::kernel_address_space().shared_identity(word);
    constexpr uint64_t of_object = uint64_t{1} << 63;
    return identity ? of_object | *identity : word.value;
}

// Requires: the bucket's lock.
long wake_waiters_locked(Bucket& bucket, uint64_t key, uint32_t most, uint32_t bits) {
    Queue& queue = bucket.queue;
    long woken = 0;
    for (auto it = queue.begin(); it != queue.end() && woken < static_cast<long>(most);) {
        Thread& thread = *it;
        ++it;
        if (thread.futex_key != key || (thread.futex_bits & bits) == 0) continue;
        Queue::remove(thread);
        sched::wake(thread);
        ++woken;
    }
    return woken;
}

long wake_waiters(uint64_t key, uint32_t most, uint32_t bits) {
    Bucket& bucket = bucket_of(key);
    const sync::Guard guard{bucket.lock};
    return wake_waiters_locked(bucket, key, most, bits);
}

// False: a waker took the thread off. It may stand in another bucket by now than the one it went into (FUTEX_REQUEUE).
bool leave_queue(Thread& thread) {
    for (;;) {
        Bucket& bucket = bucket_of(__atomic_load_n(&thread.futex_key, __ATOMIC_RELAXED));
        const sync::Guard guard{bucket.lock};
        if (&bucket != &bucket_of(thread.futex_key)) continue;
        if (!static_cast<ListNode<sched::ByWait>&>(thread).linked()) return false;
        Queue::remove(thread);
        return true;
    }
}

// A wait with a time to end at is not made again after a handler (signal(7)).
Result<long> outcome(sched::Wakeup why, bool timed) {
    if (why == sched::Wakeup::TimedOut) return Error{ETIMEDOUT};
    if (why == sched::Wakeup::Interrupted) return Error{timed ? restart_no_handler : restart_if_asked};
    return 0L;
}

Result<long> wait(VirtualAddress word, int operation, uint32_t value, Instant deadline, uint32_t bits) {
    if (bits == 0) return Error{EINVAL};
    const uint64_t key = TRY(key_of(word, operation));
    Thread& thread = sched::current_thread();
    Bucket* bucket = &bucket_of(key);
    bucket->lock.lock();
    // With the lock held: a waker changes the word first and takes the lock then.
    const auto present = mm::load_user_word(word);
    if (!present.ok() || present.value() != value) {
        bucket->lock.unlock();
        return present.ok() ? Error{EAGAIN} : present.error();
    }
    thread.futex_key = key;
    thread.futex_bits = bits;
    bucket->queue.push_back(thread);
    const sched::Wakeup why = sched::block(bucket->lock, deadline);
    bucket->lock.unlock();
    return why != sched::Wakeup::Woken && leave_queue(thread) ? outcome(why, deadline != Instant::never()) : 0L;
}

Result<Instant> deadline_of(VirtualAddress timeout, int operation) {
    if (timeout.value == 0) return Instant::never();
    const int64_t ns = TRY(load_time(timeout));
    const int64_t now = platform::monotonic_now().ns;
    // FUTEX_WAIT counts from now; the others name a time.
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT) return Instant{later(now, ns)};
    if (operation & FUTEX_CLOCK_REALTIME) return Instant{ns - (platform::realtime_now() - now)};
    return Instant{ns};
}

Result<long> requeue(VirtualAddress word, int operation, uint32_t most_woken, uint32_t most_moved, VirtualAddress target,
                     std::optional<uint32_t> expected) {
    if (static_cast<int32_t>(most_woken) < 0 || static_cast<int32_t>(most_moved) < 0) return Error{EINVAL};
    const uint64_t from = TRY(key_of(word, operation)), to = TRY(key_of(target, operation));
    Bucket &source = bucket_of(from), &destination = bucket_of(to);
    const PairGuard guard{source, destination};
    if (expected && TRY(mm::load_user_word(word)) != *expected) return Error{EAGAIN};
    const long woken = wake_waiters_locked(source, from, most_woken, FUTEX_BITSET_MATCH_ANY);
    long moved = 0;
    Queue& queue = source.queue;
    for (auto it = queue.begin(); it != queue.end() && moved < static_cast<long>(most_moved);) {
        Thread& thread = *it;
        ++it;
        if (thread.futex_key != from) continue;
        ++moved;
        // In the same bucket already: to its end could be met again.
        __atomic_store_n(&thread.futex_key, to, __ATOMIC_RELAXED);
        if (&source == &destination) continue;
        Queue::remove(thread);
        destination.queue.push_back(thread);
    }
    return woken + moved;
}

// FUTEX_WAKE_OP: changes the second word and wakes there too if its old value compares (futex(2)).
Result<long> wake_and_change(VirtualAddress word, int operation, uint32_t most, uint32_t most_second, VirtualAddress second, uint32_t code) {
    const uint64_t first_key = TRY(key_of(word, operation)), second_key = TRY(key_of(second, operation));
    const unsigned change = code >> 28 & 7, comparison = code >> 24 & 15;
    // Sign-extended fields of 12 bits.
    int32_t operand = static_cast<int32_t>(code << 8) >> 20;
    const int32_t compared = static_cast<int32_t>(code << 20) >> 20;
    if (code >> 28 & FUTEX_OP_OPARG_SHIFT) operand = static_cast<int32_t>(uint32_t{1} << (operand & 31));
    if (change > FUTEX_OP_XOR || comparison > FUTEX_OP_CMP_GE) return Error{ENOSYS};
    Bucket &first_bucket = bucket_of(first_key), &second_bucket = bucket_of(second_key);
    const PairGuard guard{first_bucket, second_bucket};
    const auto changed = [change, operand = static_cast<uint32_t>(operand)](uint32_t old) {
        switch (change) {
        case FUTEX_OP_ADD: return old + operand;
        case FUTEX_OP_OR: return old | operand;
        case FUTEX_OP_ANDN: return old & ~operand;
        case FUTEX_OP_XOR: return old ^ operand;
        default: return operand;
        }
    };
    uint32_t seen = TRY(mm::load_user_word(second));
    for (uint32_t before = ~seen; before != seen;) {
        before = seen;
        seen = TRY(mm::compare_exchange_user_word(second, before, changed(before)));
    }
    const auto old = static_cast<int32_t>(seen);
    bool holds = false;
    switch (comparison) {
    case FUTEX_OP_CMP_EQ: holds = old == compared; break;
    case FUTEX_OP_CMP_NE: holds = old != compared; break;
    case FUTEX_OP_CMP_LT: holds = old < compared; break;
    case FUTEX_OP_CMP_LE: holds = old <= compared; break;
    case FUTEX_OP_CMP_GT: holds = old > compared; break;
    case FUTEX_OP_CMP_GE: holds = old >= compared; break;
    default: break;
    }
    long woken = wake_waiters_locked(first_bucket, first_key, most, FUTEX_BITSET_MATCH_ANY);
    if (holds) woken += wake_waiters_locked(second_bucket, second_key, most_second, FUTEX_BITSET_MATCH_ANY);
    return woken;
}

void wake_word(VirtualAddress word) {
    wake_waiters(word.value, 1, FUTEX_BITSET_MATCH_ANY);
    const auto shared = key_of(word, 0);
    if (shared.ok()) wake_waiters(shared.value(), 1, FUTEX_BITSET_MATCH_ANY);
}

// A lock that its owner did not release: marked, so that the next one learns of it.
void release_robust(VirtualAddress word, int owner, bool inheriting) {
    const auto value = mm::load_user_word(word);
    if (!value.ok()) return;
    // Only its owner gives a lock away, but others may mark at any time that they wait.
    for (uint32_t seen = value.value(), before = ~seen; before != seen;) {
        if ((seen & FUTEX_TID_MASK) != static_cast<uint32_t>(owner)) return;
        if (inheriting && (seen & FUTEX_WAITERS)) return abandon_pi(word, word.value);
        before = seen;
        const auto exchanged = mm::compare_exchange_user_word(word, before, (before & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
        if (!exchanged.ok()) return;
        seen = exchanged.value();
        if (seen == before && (seen & FUTEX_WAITERS)) wake_word(word);
    }
}

void release_robust_list(const Thread& thread) {
    // A list that the program broke may be circular.
    constexpr unsigned longest = 2048;
    struct robust_list_head head;
    if (thread.robust_list.value == 0 || !mm::copy_from_user(&head, thread.robust_list, sizeof head).ok()) return;
    constexpr uint64_t priority_inheriting = 1;
    const auto futex_of = [&head](uint64_t entry) { return VirtualAddress{(entry & ~priority_inheriting) + static_cast<uint64_t>(head.futex_offset)}; };
    auto entry = reinterpret_cast<uint64_t>(head.list.next);
    const auto pending = reinterpret_cast<uint64_t>(head.list_op_pending);
    for (unsigned i = 0; i < longest && (entry & ~priority_inheriting) != thread.robust_list.value; ++i) {
        uint64_t next;
        const bool readable = mm::copy_from_user(&next, VirtualAddress{entry & ~priority_inheriting}, sizeof next).ok();
        if (entry != pending) release_robust(futex_of(entry), thread.id, entry & priority_inheriting);
        if (!readable) break;
        entry = next;
    }
    if (pending != 0) release_robust(futex_of(pending), thread.id, pending & priority_inheriting);
}

}  // namespace

void start_futexes() {
    for (auto& storage : bucket_storage) new (storage) Bucket;
}

Result<long> sys_futex(VirtualAddress word, int operation, uint32_t value, uint64_t timeout_or_value, VirtualAddress second_word,
                       uint32_t third_value) {
    const auto second_value = static_cast<uint32_t>(timeout_or_value);
    const auto deadline = [&] { return deadline_of(VirtualAddress{timeout_or_value}, operation); };
    switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT: return wait(word, operation, value, TRY(deadline()), FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET: return wait(word, operation, value, TRY(deadline()), third_value);
    case FUTEX_WAKE: return wake_waiters(TRY(key_of(word, operation)), value, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        if (third_value == 0) return Error{EINVAL};
        return wake_waiters(TRY(key_of(word, operation)), value, third_value);
    case FUTEX_REQUEUE: return requeue(word, operation, value, second_value, second_word, std::nullopt);
    case FUTEX_CMP_REQUEUE: return requeue(word, operation, value, second_value, second_word, third_value);
    case FUTEX_LOCK_PI:
        // Its timeout is of the real-time clock, though the flag does not say so.
        return lock_pi(word, TRY(key_of(word, operation)), TRY(deadline_of(VirtualAddress{timeout_or_value}, operation | FUTEX_CLOCK_REALTIME)), false);
    case FUTEX_LOCK_PI2: return lock_pi(word, TRY(key_of(word, operation)), TRY(deadline()), false);
    case FUTEX_TRYLOCK_PI: return lock_pi(word, TRY(key_of(word, operation)), Instant::never(), true);
    case FUTEX_UNLOCK_PI: return unlock_pi(word, TRY(key_of(word, operation)));
    case FUTEX_WAKE_OP: return wake_and_change(word, operation, value, second_value, second_word, third_value);
    default: return Error{ENOSYS};
    }
}

Result<long> sys_set_robust_list(VirtualAddress head, size_t size) {
    if (size != sizeof(struct robust_list_head)) return Error{EINVAL};
    sched::current_thread().robust_list = head;
    return 0L;
}

Result<long> sys_get_robust_list(int id, VirtualAddress head, VirtualAddress size) {
    const VirtualAddress list = TRY(sched::with_thread(id, [](const Thread& t) -> Result<VirtualAddress> { return t.robust_list; }));
    TRY(mm::UserPtr<uint64_t>{head}.store(list.value));
    TRY(mm::UserPtr<uint64_t>{size}.store(sizeof(struct robust_list_head)));
    return 0L;
}

void release_futexes(const Thread& thread) {
    release_robust_list(thread);
    if (thread.clear_at_exit.value == 0 || !mm::UserPtr<uint32_t>{thread.clear_at_exit}.store(0).ok()) return;
    wake_word(thread.clear_at_exit);
}

}  // namespace eremite::syscall
