#include "libos/sync/lock_check.hpp"

#include <array>
#include <utility>

#include "base/format.hpp"
#include "base/panic.hpp"
#include "libos/arch/smp.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::sync {

namespace {

struct HeldLocks {
    std::array<const Spinlock*, 16> locks{};
    unsigned count = 0;
    bool panicking = false;  // the report may take locks too
};

// A thread that is switched away leaves its CPU with the run queue's lock, which the next thread there releases: so locks belong
// to CPUs.
#ifdef EREMITE_KERNEL
constinit HeldLocks held_locks[arch::max_cpus]{};
HeldLocks& held_here() { return held_locks[arch::cpu_index()]; }
#else
constinit thread_local HeldLocks held_locks{};
HeldLocks& held_here() { return held_locks; }
#endif

// On the host a test may go on with an exception.
[[noreturn]] void fail(HeldLocks& held, std::string_view text, std::string_view first, std::string_view second = {}) {
    char message[128];
    BufferSink sink{message};
    format(sink, text, first, second);
    struct Report {
        explicit Report(HeldLocks& locks) : held{locks} { held.panicking = true; }
        ~Report() { held.panicking = false; }
        HeldLocks& held;
    };
    const Report report{held};
    panic(sink.view());
}

void add(HeldLocks& held, const Spinlock& lock) {
    if (held.count == held.locks.size()) fail(held, "lock order: {} is one lock too many", rank_name(lock.rank()));
    held.locks[held.count++] = &lock;
}

// From the text "... [with eremite::sync::Rank rank = eremite::sync::Rank::Heap; ...]".
template <Rank rank>
constexpr std::string_view name_from_compiler() {
    std::string_view text{__PRETTY_FUNCTION__};
    text.remove_prefix(text.find("rank = ") + 7);
    text = text.substr(0, text.find_first_of(";]"));
    return text.substr(text.rfind(':') + 1);
}

template <size_t... I>
constexpr std::array<std::string_view, sizeof...(I)> names_from_compiler(std::index_sequence<I...>) {
    return {name_from_compiler<static_cast<Rank>(I)>()...};
}

}  // namespace

std::string_view rank_name(Rank rank) {
    static constexpr auto names = names_from_compiler(std::make_index_sequence<64>{});
    return names[static_cast<size_t>(rank)];
}

void check_acquire(const Spinlock& lock) {
    HeldLocks& held = held_here();
    if (held.panicking) return;
    for (unsigned i = 0; i < held.count; ++i) {
        const Spinlock& other = *held.locks[i];
        if (&other == &lock) fail(held, "lock order: {} is taken again by the CPU that holds it", rank_name(lock.rank()));
        if (other.rank() < lock.rank()) continue;
        const Siblings rule = siblings(lock.rank());
        const bool allowed = other.rank() == lock.rank() && (rule == Siblings::Observers || (rule == Siblings::ByAddress && &other < &lock));
        if (!allowed) fail(held, "lock order: {} is taken after {}", rank_name(lock.rank()), rank_name(other.rank()));
    }
    add(held, lock);
}

void note_tried(const Spinlock& lock) {
    HeldLocks& held = held_here();
    if (!held.panicking) add(held, lock);
}

void check_release(const Spinlock& lock) {
    HeldLocks& held = held_here();
    if (held.panicking) return;
    for (unsigned i = held.count; i-- > 0;) {
        if (held.locks[i] != &lock) continue;
        for (--held.count; i < held.count; ++i) held.locks[i] = held.locks[i + 1];
        return;
    }
    fail(held, "lock order: {} is released, but this CPU does not hold it", rank_name(lock.rank()));
}

void check_none_held() {
    HeldLocks& held = held_here();
    if (held.count != 0 && !held.panicking) fail(held, "lock order: {} is still held at the edge of the kernel", rank_name(held.locks[0]->rank()));
}

void check_only_held(const Spinlock& lock) {
    HeldLocks& held = held_here();
    if (held.panicking) return;
    for (unsigned i = 0; i < held.count; ++i) {
        if (held.locks[i] != &lock) fail(held, "lock order: {} is held where the CPU is given away", rank_name(held.locks[i]->rank()));
    }
    if (held.count == 0) fail(held, "lock order: {} is not held where the CPU is given away", rank_name(lock.rank()));
}

}  // namespace eremite::sync
