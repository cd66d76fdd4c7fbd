#pragma once
// An open file of a file system whose files are cached: reads and writes may wait, so what guards the position is a lock that may be held
// meanwhile; and the file learns of errors of write-backs, each one once. With O_DIRECT what was read does not stay in the cache, and what
// was written neither, but is in the store when the call returns.
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
        return was_read(InodeFile::read(buffer));
    }
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override {
        const sched::MutexGuard guard{position_lock_};
        return was_written(InodeFile::write(buffer));
    }
    [[nodiscard]] Result<size_t> read_at(uint64_t offset, IoBuffer& buffer) override { return was_read(InodeFile::read_at(offset, buffer)); }
    [[nodiscard]] Result<size_t> write_at(uint64_t offset, IoBuffer& buffer) override { return was_written(InodeFile::write_at(offset, buffer)); }
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool move) override {
        const sched::MutexGuard guard{position_lock_};
        return was_written(InodeFile::write_end(buffer, move));
    }
    [[nodiscard]] Result<uint64_t> seek(int64_t offset, int whence) override {
        const sched::MutexGuard guard{position_lock_};
        return InodeFile::seek(offset, whence);
    }
    [[nodiscard]] Result<void> synchronize(bool data_only) override {
        const auto synchronized = InodeFile::synchronize(data_only);
        const sync::Guard guard{cursor_lock_};
        TRY(cache_.check_error(error_cursor_));
        return synchronized;
    }

private:
    [[nodiscard]] bool direct() const { return (flags() & O_DIRECT) != 0; }
    Result<size_t> was_read(Result<size_t> done) {
        if (direct() && done.ok()) [[unlikely]] cache_.drop_clean();
        return done;
    }
    Result<size_t> was_written(Result<size_t> done) {
        if (!direct() || !done.ok()) [[likely]] return done;
        TRY(cache_.write_back());
        cache_.drop_clean();
        return done;
    }

    FileCache& cache_;
    sched::Mutex position_lock_;
    sync::Spinlock cursor_lock_{sync::Rank::File};
    uint64_t error_cursor_;  // guarded by cursor_lock_
};

}  // namespace eremite::fs
