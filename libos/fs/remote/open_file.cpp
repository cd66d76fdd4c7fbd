#include "libos/fs/remote/open_file.hpp"

#include "libos/fs/page_cache/file_cache.hpp"
#include "libos/fs/remote/contents.hpp"

namespace eremite::fs::remote {

namespace {

constexpr size_t listing_size = 32 << 10;

}  // namespace

uint32_t OpenFile::server_flags(uint32_t flags) {
    constexpr uint32_t passed_on = O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_DIRECTORY;
    // Linux takes 3 for "neither", which is of use to devices only.
    return (flags & O_ACCMODE) == O_ACCMODE ? flags & passed_on & ~uint32_t{O_WRONLY} : flags & passed_on;
}

OpenFile::OpenFile(Ref<Node> node, uint32_t flags, Ref<Handle> handle, uint32_t handle_flags)
    : InodeFile{node, flags}, handle_{std::move(handle)}, handle_flags_{handle_flags} {
    if (FileCache* const cache = node->cache()) error_cursor_ = cache->error_cursor();
    const sync::Guard guard{node->owner().lock()};
    node->open_files_.push_back(*this);
}

OpenFile::~OpenFile() {
    Node& node = this->node();
    Ref<Handle> not_needed[2];  // let go behind the lock
    const sync::Guard guard{node.owner().lock()};
    node.open_files_.remove(*this);
    // Mappings go on reading and writing.
    FileCache* const cache = node.cache();
    if (!cache || !cache->in_use()) {
        if (!node.has_open_files()) std::swap(not_needed, node.kept_open_);
        return;
    }
    if (handle_reads() && !node.kept_open_[0]) node.kept_open_[0] = handle_;
    if (handle_writes() && !handle_appends() && !node.kept_open_[1]) node.kept_open_[1] = handle_;
}

// SAFETY: the constructor was given one.
Node& OpenFile::node() const { return static_cast<Node&>(*inode_ref()); }

Result<size_t> OpenFile::read(IoBuffer& buffer) {
    const sched::MutexGuard guard{position_lock_};
    return read_from(position(), buffer);
}

FileCache* OpenFile::cache() const {
    const bool direct = (flags() & O_DIRECT) != 0 || !handle_reads();
    return direct ? nullptr : node().cache();
}

Result<size_t> OpenFile::read_from(uint64_t& position, IoBuffer& buffer) {
    FileCache* const cached = cache();
    // A file without a size may have bytes all the same, such as those of /proc.
    if (cached && cached->size() != 0) {
        TRY(buffer.check(position));
        auto done = cached->read(position, buffer);
        if (done.ok()) position += done.value();
        // Without memory for pages the server can be asked all the same.
        if (done.code() != ENOMEM) return done;
    }
    if (FileCache* const others = node().cache()) (void)others->write_back();
    return node().read_by(*handle_, position, buffer);
}

Result<size_t> OpenFile::write(IoBuffer& buffer) {
    const sched::MutexGuard guard{position_lock_};
    return write_to(position(), buffer, (flags() & O_APPEND) != 0);
}

Result<size_t> OpenFile::write_at(uint64_t offset, IoBuffer& buffer) { return write_to(offset, buffer, (flags() & O_APPEND) != 0); }

Result<size_t> OpenFile::write_end(IoBuffer& buffer, bool move) {
    uint64_t end = 0;
    if (!move) return write_to(end, buffer, true);
    const sched::MutexGuard guard{position_lock_};
    return write_to(position(), buffer, true);
}

Result<size_t> OpenFile::write_to(uint64_t& position, IoBuffer& buffer, bool append) {
    FileCache* const cached = cache();
    if (!cached) return write_directly(position, buffer, append);
    TRY(buffer.check(position));
    uint64_t at = position;
    // An attempt that fails may have taken bytes from the buffer.
    fs::IoBuffer attempt = buffer;
    auto written = cached->write(at, attempt, append);
    if (written.code() == ENOMEM) return write_directly(position, buffer, append);
    buffer = attempt;
    const size_t done = TRY(std::move(written));
    position = at + done;
    if ((flags() & O_DSYNC) != 0) TRY(node().synchronize((flags() & O_SYNC) != O_SYNC));
    return done;
}

Result<size_t> OpenFile::write_directly(uint64_t& position, IoBuffer& buffer, bool append) {
    FileCache* const others = node().cache();
    if (others) TRY(others->invalidate());
    const Ref<Handle> handle = TRY(handle_for(append));
    // The first time, others may have moved the end since we saw it last.
    if (append && !knows_end_.exchange(true, std::memory_order_relaxed)) TRY(node().attributes());
    const size_t done = TRY(node().write_by(*handle, position, buffer, append));
    // The cache learns of the new size.
    if (others) TRY(node().attributes());
    return done;
}

// Others see what was written once it is closed, as with NFS.
Result<void> OpenFile::flush() {
    FileCache* const cached = node().cache();
    if (!cached || !writable()) return handle_->flush();
    (void)cached->write_back();
    const auto lost = check_error();
    TRY(handle_->flush());
    return lost.ok() ? Result<void>{} : Result<void>{lost.error()};
}

Result<void> OpenFile::synchronize(bool data_only) {
    const auto synchronized = InodeFile::synchronize(data_only);
    if (node().cache()) TRY(check_error());
    return synchronized.ok() ? Result<void>{} : Result<void>{synchronized.error()};
}

Result<void> OpenFile::check_error() {
    const sched::MutexGuard guard{position_lock_};
    return node().cache()->check_error(error_cursor_);
}

// fcntl(2) may have changed what the file was opened with.
Result<Ref<Handle>> OpenFile::handle_for(bool append) {
    if (append == handle_appends()) [[likely]] return Ref<Handle>{handle_};
    sync::Spinlock& lock = node().owner().lock();
    {
        const sync::Guard guard{lock};
        if (other_handle_) return Ref<Handle>{other_handle_};
        // Of one that has no name any more, only we know the end.
        if (node().detached()) return Ref<Handle>{handle_};
    }
    constexpr uint32_t kept = O_SYNC | O_DSYNC;
    Ref<Handle> handle = TRY(node().open_handle(O_WRONLY | (append ? O_APPEND : 0) | (flags() & kept)));
    const sync::Guard guard{lock};
    if (!other_handle_) other_handle_ = handle;
    return handle;
}

Result<void> OpenFile::list(DirectorySink& sink) {
    if (!node().is_directory()) return Error{ENOTDIR};
    const sched::MutexGuard guard{position_lock_};
    // At the start everything is looked at anew, which is what rewinddir(3) is for.
    uint64_t& cursor = position();
    if (cursor == 0 || cursor != entries_at_) entries_ = {};
    for (;;) {
        if (entries_.empty()) {
            if (!listing_) listing_.emplace(node().owner(), listing_size);
            const size_t size = TRY(handle_->read_directory(cursor, listing_->bytes()));
            entries_ = listing_->bytes().first(size);
            // Nothing is kept at the end, where most listings stop.
            if (entries_.empty()) listing_.reset();
        }
        if (entries_.empty()) return {};
        const auto all_given = node().give_entries(entries_, cursor, sink);
        entries_at_ = cursor;
        if (listing_->is_last()) {
            entries_ = {};
            listing_.reset();
            if (all_given.ok() && all_given.value()) continue;
        }
        if (!all_given.ok()) return all_given.error();
        if (!all_given.value()) return {};
    }
}

}  // namespace eremite::fs::remote
