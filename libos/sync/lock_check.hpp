#pragma once
// The check of the lock order (spinlock.hpp): with EREMITE_DEBUG_LOCKS each CPU remembers the locks that it holds, and panics
// at the first that is taken out of order, even if it would have come to no deadlock this time. Without it there is no code.
// On the host each thread counts as a CPU.
#include <cstdint>
#include <string_view>

namespace eremite::sync {

class Spinlock;
enum class Rank : uint8_t;

#ifdef EREMITE_DEBUG_LOCKS
inline constexpr bool locks_are_checked = true;
#else
inline constexpr bool locks_are_checked = false;
#endif

// Before the lock is waited for, and before it is released.
void check_acquire(const Spinlock& lock);
void check_release(const Spinlock& lock);
// A lock that was free when it was tried.
void note_tried(const Spinlock& lock);
// Panics unless this CPU holds no lock: at the edges of the kernel.
void check_none_held();
// Panics unless this is the one lock that it holds: where threads are switched.
void check_only_held(const Spinlock& lock);

[[nodiscard]] std::string_view rank_name(Rank rank);

}  // namespace eremite::sync
