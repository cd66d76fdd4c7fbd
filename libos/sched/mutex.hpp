#pragma once
// A lock that may be held across waits: threads that want it meanwhile sleep. First come, first served but for those who find
// it free just then. Not for interrupts, nor under a spinlock.
#include "libos/sched/wait_queue.hpp"

namespace eremite::sched {

class Mutex {
public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;
    void lock() {
        const sync::Guard guard{lock_};
        while (held_) waiting_.wait_uninterruptibly(lock_);
        held_ = true;
    }
    void unlock() {
        const sync::Guard guard{lock_};
        held_ = false;
        waiting_.wake_one();
    }

private:
    sync::Spinlock lock_{sync::Rank::Mutex};
    bool held_ = false;
    WaitQueue waiting_;
};

class [[nodiscard]] MutexGuard {
public:
    explicit MutexGuard(Mutex& mutex) : mutex_{mutex} { mutex_.lock(); }
    MutexGuard(const MutexGuard&) = delete;
    MutexGuard& operator=(const MutexGuard&) = delete;
    ~MutexGuard() { mutex_.unlock(); }

private:
    Mutex& mutex_;
};

}  // namespace eremite::sched
