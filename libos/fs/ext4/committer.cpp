#include "libos/fs/ext4/committer.hpp"

#include "libos/fs/file_system.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::fs::ext4 {

namespace {

// As ext4 has it by default.
constexpr Duration commit_interval = Duration::seconds(5);

}  // namespace

Result<void> Committer::start() {
    return sched::start_kernel_thread([](void* self) { static_cast<Committer*>(self)->run(); }, this);
}

void Committer::wake() {
    const sync::Guard guard{lock_};
    if (!pending_.exchange(true, std::memory_order_relaxed)) waiting_.wake_all();
}

void Committer::run() {
    for (;;) {
        {
            const sync::Guard guard{lock_};
            while (!pending_.load(std::memory_order_relaxed)) waiting_.wait_uninterruptibly(lock_);
            const Instant due = platform::monotonic_now() + commit_interval;
            while (platform::monotonic_now() < due) waiting_.wait_uninterruptibly(lock_, due);
            pending_.store(false, std::memory_order_relaxed);
        }
        // Errors are kept for those who ask for them, and logged where nothing can be changed any more.
        (void)file_system_.synchronize();
    }
}

}  // namespace eremite::fs::ext4
