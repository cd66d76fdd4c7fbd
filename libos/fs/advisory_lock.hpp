#pragma once
// flock(2): locks between open file descriptions of one file. Rare, so one table serves all files.
// (fcntl's process locks never conflict, since there is only one process.)
#include "base/result.hpp"
#include "base/vector.hpp"
#include "libos/fs/file.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs {

class AdvisoryLocks {
public:
    // Gives `file` a shared or an exclusive lock, in place of the one it has. EWOULDBLOCK: another one is in the way, and
    // as on Linux a lock that was to be converted is lost. ENOLCK: no memory.
    [[nodiscard]] Result<void> acquire(File& file, bool exclusive);
    void release(File& file);

private:
    struct Entry {
        const Inode* inode = nullptr;
        const File* owner = nullptr;
        bool exclusive = false;
    };
    void remove(const File& file);

    sync::Spinlock lock_{sync::Rank::FileTable};
    Vector<Entry> entries_;
    std::atomic<uint32_t> count_{0};
};

[[nodiscard]] AdvisoryLocks& advisory_locks();

}  // namespace eremite::fs
