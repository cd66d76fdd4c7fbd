#pragma once
// Advisory locks on files: flock(2)'s, and the ranges of fcntl(2), which belong to the process or to an open file description.
// Locks of the two kinds do not see each other. Rare, so one table serves all files.
#include <cstdint>
#include <optional>

#include "base/immortal.hpp"
#include "base/vector.hpp"
#include "libos/fs/file.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::fs {

struct FileLock {
    enum class Kind : uint8_t { Whole, Range };
    static constexpr uint64_t end_of_file = INT64_MAX;

    Kind kind = Kind::Whole;
    bool exclusive = false;
    const void* file = nullptr;   // see FileLocks::identity()
    const void* owner = nullptr;  // the open file description, or process_owner
    uint64_t first = 0;
    uint64_t last = end_of_file;

    [[nodiscard]] bool overlaps(const FileLock& other) const { return first <= other.last && other.first <= last; }
};

class FileLocks {
public:
    // Who owns the process's locks.
    static const void* process_owner() { return &process_marker; }
    // What is locked: the inode, however often it is open.
    static const void* identity(File& file) {
        if (const Inode* const inode = file.inode()) return inode;
        return &file;
    }

    // Gives the owner this lock, in place of what it has there. EAGAIN: another owner is in the way and the caller does not
    // wait; a flock() lock that was to be converted is lost then, as on Linux. ENOLCK: no memory.
    [[nodiscard]] Result<void> acquire(const FileLock& lock, bool wait);
    // ENOLCK: no memory to cut a hole into a lock.
    [[nodiscard]] Result<void> release(const FileLock& lock);
    // The first lock that is in the way of this one.
    [[nodiscard]] std::optional<FileLock> obstacle(const FileLock& lock);
    // The first lock of this owner in the range.
    [[nodiscard]] std::optional<FileLock> own(const FileLock& lock);

    // The description ends.
    void description_ends(File& file) {
        if (count_.load(std::memory_order_relaxed) != 0) [[unlikely]] release_all(nullptr, &file);
    }
    // A descriptor was closed: the process has no locks on the file any more, whatever other descriptors it has (fcntl(2)).
    void descriptor_closed(File& file) {
        if (count_.load(std::memory_order_relaxed) != 0) [[unlikely]] release_all(identity(file), process_owner());
    }

private:
    static constexpr char process_marker = 0;
    // Null: of any file.
    void release_all(const void* file, const void* owner);
    // These require the lock.
    [[nodiscard]] const FileLock* find_obstacle(const FileLock& lock) const;
    // Takes the range out of the owner's locks; those that continue it at either side and are of its type become part of it.
    void cut(FileLock& lock, bool merge);
    void remove(size_t index) {
        locks_[index] = locks_.back();
        locks_.pop_back();
    }
    void changed() {
        count_.store(static_cast<uint32_t>(locks_.size()), std::memory_order_relaxed);
        waiting_.wake_all();
    }

    sync::Spinlock lock_{sync::Rank::FileTable};
    Vector<FileLock> locks_;
    sched::WaitQueue waiting_;
    std::atomic<uint32_t> count_{0};
};

extern Immortal<FileLocks> all_file_locks;
[[nodiscard]] inline FileLocks& file_locks() { return all_file_locks.object; }

}  // namespace eremite::fs
