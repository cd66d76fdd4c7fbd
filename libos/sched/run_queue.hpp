#pragma once
// Threads that could run, by importance: the most important first, first come first served among equals.
#include <atomic>
#include <bit>
#include <cstdint>

#include "libos/sched/thread.hpp"

namespace eremite::sched {

// Levels of importance: 0 is SCHED_IDLE and SCHED_BATCH, 1 SCHED_OTHER, 2 to 100 the real-time priorities 1 to 99.
inline constexpr unsigned level_count = 101;
inline constexpr int policy_fifo = 1, policy_round_robin = 2, policy_batch = 3, policy_idle = 5;

class RunQueue {
public:
    void push_back(Thread& thread) { list_for(thread).push_back(thread); }
    void push_front(Thread& thread) { list_for(thread).push_front(thread); }
    void remove(Thread& thread) {
        List<Thread, ByQueue>::remove(thread);
        if (levels_[thread.level].empty()) occupied_[thread.level / 64] &= ~(uint64_t{1} << thread.level % 64);
        set_size(size() - 1);
    }
    [[nodiscard]] Thread* first() const {
        if (size() == 0) return nullptr;
        const unsigned word = occupied_[1] != 0;
        return levels_[word * 64 + 63 - static_cast<unsigned>(std::countl_zero(occupied_[word]))].front();
    }
    // The most important one that may run on `cpu`.
    [[nodiscard]] Thread* first_for(unsigned cpu) const {
        for (unsigned level = level_count; level-- > 0;)
            for (Thread& thread : levels_[level])
                if (thread.affinity >> cpu & 1) return &thread;
        return nullptr;
    }
    // May be asked by other CPUs too, for which it is a hint.
    [[nodiscard]] uint32_t size() const { return size_.load(std::memory_order_relaxed); }

private:
    List<Thread, ByQueue>& list_for(const Thread& thread) {
        occupied_[thread.level / 64] |= uint64_t{1} << thread.level % 64;
        set_size(size() + 1);
        return levels_[thread.level];
    }
    void set_size(uint32_t size) { size_.store(size, std::memory_order_relaxed); }

    List<Thread, ByQueue> levels_[level_count];
    uint64_t occupied_[2]{};
    std::atomic<uint32_t> size_{0};
};

}  // namespace eremite::sched
