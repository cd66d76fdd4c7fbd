#pragma once
// Spinlock with a rank. The lock order is the order of `Rank`: a CPU takes locks only in ascending rank.
#include <atomic>
#include <cstdint>

namespace eremite::sync {

// The one table of lock order: a lock may be taken while holding locks above it in this list, never below.
enum class Rank : uint8_t {
    Mounts,     // the table of what is mounted where
    FileTable,
    Watches,    // on files
    Directory,
    EpollGraph, // which epoll instance observes which file, where a file or an instance ends
    Epoll,      // the files of an epoll instance; of two instances, the observing one comes first
    ClockSet,   // timers that hear of a new wall clock
    Input,      // of the console
    File,       // a file's contents: pipes, counters and terminals too
    Poll,       // who waits for a file to become ready; of two files, the observed one comes first
    PollReady,  // what was found ready, and the threads that wait for that
    Futex,
    CodePatching,
    AddressSpace,
    MemoryObject,
    PageTable,
    ProgramTimers, // POSIX timers and interval timers
    Threads,    // the list of all threads
    Signal,
    Timer,      // timers that run
    RunQueue,
    KernelStacks,
    Heap,
    PageAllocator,
    Shootdown,  // of translations, by the CPU that asks the others
    Random,
    Clock,
    Console,
    Log,
};

class Spinlock {
public:
    constexpr explicit Spinlock(Rank rank) : rank_{rank} {}
    Spinlock(const Spinlock&) = delete;
    Spinlock& operator=(const Spinlock&) = delete;
    void lock() {
        while (locked_.exchange(true, std::memory_order_acquire)) {
            while (locked_.load(std::memory_order_relaxed)) __builtin_ia32_pause();
        }
    }
    void unlock() { locked_.store(false, std::memory_order_release); }
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
