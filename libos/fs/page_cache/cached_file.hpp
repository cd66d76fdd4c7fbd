#pragma once
// An open file of a file system whose files are cached: reads and writes may wait, so what guards the position is a lock that may be held
// meanwhile; and the file learns of errors of write-backs, each one once.
#include "libos/fs/file.hpp"
#include "libos/fs/page_cache/file_cache.hpp"
#include "libos/sched/mutex.hpp"

namespace eremite::fs {

class CachedFile : public InodeFile {
public:
    // `cache`: the inode's.
    CachedFile(Ref<Inode> inode, FileCache& cache, uint32_t flags)
        : InodeFile{std::move(inode), flags}, cache_{cache}, error_cursor_{cache.error_cursor()} {}

    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override {
        const sched::MutexGuard guard{position_lock_};
        return InodeFile::read(buffer);
    }
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override {
        const sched::MutexGuard guard{position_lock_};
        return InodeFile::write(buffer);
    }
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool move) override {
        const sched::MutexGuard guard{position_lock_};
        return InodeFile::write_end(buffer, move);
    }
    [[nodiscard]] Result<uint64_t> seek(int64_t offset, int whence) override {
        const sched::MutexGuard guard{position_lock_};
        return InodeFile::seek(offset, whence);
    }
    // Others see what was written once it is closed, as with NFS.
    [[nodiscard]] Result<void> flush() override {
        if (!writable()) return {};
        (void)cache_.write_back();
        return check_error();
    }
    [[nodiscard]] Result<void> synchronize(bool data_only) override {
        const auto synchronized = InodeFile::synchronize(data_only);
        TRY(check_error());
        return synchronized;
    }

private:
    Result<void> check_error() {
        const sched::MutexGuard guard{position_lock_};
        return cache_.check_error(error_cursor_);
    }

    FileCache& cache_;
    sched::Mutex position_lock_;
    uint64_t error_cursor_;  // guarded by position_lock_
};

}  // namespace eremite::fs
