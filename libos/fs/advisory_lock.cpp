#include "libos/fs/advisory_lock.hpp"

namespace eremite::fs {

namespace {
// Never destroyed: the kernel does not run destructors of globals.
alignas(AdvisoryLocks) constinit unsigned char storage[sizeof(AdvisoryLocks)]{};
constinit std::atomic<AdvisoryLocks*> instance{nullptr};
constinit sync::Spinlock creation{sync::Rank::FileTable};
}  // namespace

AdvisoryLocks& advisory_locks() {
    if (AdvisoryLocks* locks = instance.load(std::memory_order_acquire)) return *locks;
    const sync::Guard guard{creation};
    AdvisoryLocks* locks = instance.load(std::memory_order_acquire);
    if (!locks) {
        locks = new (storage) AdvisoryLocks{};
        instance.store(locks, std::memory_order_release);
    }
    return *locks;
}

void AdvisoryLocks::remove(const File& file) {
    for (size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].owner != &file) continue;
        entries_[i] = entries_.back();
        entries_.pop_back();
        count_.store(static_cast<uint32_t>(entries_.size()), std::memory_order_relaxed);
        return;
    }
}

Result<void> AdvisoryLocks::acquire(File& file, bool exclusive) {
    const sync::Guard guard{lock_};
    const Inode* inode = file.inode();
    remove(file);
    for (const Entry& entry : entries_) {
        if (entry.inode == inode && (exclusive || entry.exclusive)) return Error{EWOULDBLOCK};
    }
    if (!entries_.push_back({inode, &file, exclusive}).ok()) return Error{ENOLCK};
    count_.store(static_cast<uint32_t>(entries_.size()), std::memory_order_relaxed);
    return {};
}

// Every close comes here, so the usual case, no lock anywhere, takes no lock of ours.
void AdvisoryLocks::release(File& file) {
    if (count_.load(std::memory_order_relaxed) == 0) return;
    const sync::Guard guard{lock_};
    remove(file);
}

}  // namespace eremite::fs
