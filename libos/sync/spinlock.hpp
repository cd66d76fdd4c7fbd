#pragma once
// Spinlock with a rank. The lock order is the order of `Rank`: a CPU takes locks only in ascending rank (lock_check.hpp).
#include <atomic>
#include <cstdint>

#include "libos/sync/lock_check.hpp"

namespace eremite::sync {

// The one table of lock order: a lock may be taken while holding locks above it in this list, never below.
enum class Rank : uint8_t {
    Limits,     // of the process's resources
    Mounts,     // the table of what is mounted where
    FileTable,
    Watches,    // on files
    Directory,
    EpollGraph, // which epoll instance observes which file, where a file or an instance ends
    Epoll,      // the files of an epoll instance; of two instances, the observing one comes first
    ClockSet,   // timers that hear of a new wall clock
    Input,      // of the console
    File,       // a file's contents: pipes, counters and terminals too
    Network,    // a network stack, its interfaces and its sockets; of two of them, the one that decides for both comes first
    NetworkInbox, // what one stack has for another, and who waits for connections at several
    Futex,
    CodePatching,
    DeviceStart, // of a device by its driver
    Devices,    // which ones there are
    AddressSpace,
    MemoryObject,
    DeviceQueue, // requests to a device
    Interrupts, // which handler each one has
    DeviceReply, // what threads that asked a device wait for
    Mutex,      // who has a lock that is held across waits
    ProgramTimers, // POSIX timers and interval timers
    Threads,    // the list of all threads
    Signal,
    Poll,       // who waits for a file to become ready; of two files, the observed one comes first
    PollReady,  // what was found ready, and the threads that wait for that
    Trace,      // lines of the system-call trace
    Timer,      // timers that run
    RunQueue,
    KernelStacks,
    Heap,       // objects of one CPU's slabs
    PageReclaim, // which files have cached pages; their own locks are only tried from here
    PageCache,  // single pages, of one CPU
    PageAllocator,
    Shootdown,  // of translations, by the CPU that asks the others
    Random,
    Clock,
    Console,
};

// How locks of one rank are held together.
enum class Siblings : uint8_t {
    Never,
    ByAddress,  // the lower address first; network stacks stand one behind the other
    Observers,  // as the table says: who observes whom has no cycles, which is checked where an observer is added
};
constexpr Siblings siblings(Rank rank) {
    if (rank == Rank::Epoll || rank == Rank::Poll) return Siblings::Observers;
    return rank == Rank::Futex || rank == Rank::Network ? Siblings::ByAddress : Siblings::Never;
}

class Spinlock {
public:
    constexpr explicit Spinlock(Rank rank) : rank_{rank} {}
    Spinlock(const Spinlock&) = delete;
    Spinlock& operator=(const Spinlock&) = delete;
    void lock() {
        if constexpr (locks_are_checked) check_acquire(*this);
        while (locked_.exchange(true, std::memory_order_acquire)) {
            while (locked_.load(std::memory_order_relaxed)) __builtin_ia32_pause();
        }
    }
    // Out of order too, since it does not wait.
    [[nodiscard]] bool try_lock() {
        if (locked_.exchange(true, std::memory_order_acquire)) return false;
        if constexpr (locks_are_checked) note_tried(*this);
        return true;
    }
    void unlock() {
        if constexpr (locks_are_checked) check_release(*this);
        locked_.store(false, std::memory_order_release);
    }
    [[nodiscard]] Rank rank() const { return rank_; }

private:
    std::atomic<bool> locked_{false};
    Rank rank_;
};

class [[nodiscard]] Guard {
public:
    explicit Guard(Spinlock& lock) : lock_{lock} { lock_.lock(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { lock_.unlock(); }

private:
    Spinlock& lock_;
};

}  // namespace eremite::sync
