#pragma once
// A thread of the kernel that makes last, some seconds later, what nobody asks to: so much is lost when the machine stops.
#include <atomic>

#include "libos/sched/wait_queue.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs {
class FileSystem;
}

namespace eremite::fs::ext4 {

class Committer {
public:
    explicit Committer(fs::FileSystem& file_system) : file_system_{file_system} {}
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;

    // It runs for good. ENOMEM.
    [[nodiscard]] Result<void> start();
    // Something is in memory that is not on the volume. Does not wait.
    void changed() {
        if (!pending_.load(std::memory_order_relaxed)) [[unlikely]] wake();
    }

private:
    void wake();
    [[noreturn]] void run();

    fs::FileSystem& file_system_;
    sync::Spinlock lock_{sync::Rank::Mutex};
    sched::WaitQueue waiting_;
    std::atomic<bool> pending_{false};  // set with the lock
};

}  // namespace eremite::fs::ext4
