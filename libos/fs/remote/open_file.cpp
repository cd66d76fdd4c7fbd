#include "libos/fs/remote/open_file.hpp"

namespace eremite::fs::remote {

namespace {

constexpr size_t listing_size = 32 << 10;

}  // namespace

uint32_t OpenFile::server_flags(uint32_t flags) {
    constexpr uint32_t passed_on = O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_DIRECTORY;
    // Linux takes 3 for "neither", which is of use to devices only.
    return (flags & O_ACCMODE) == O_ACCMODE ? flags & passed_on & ~uint32_t{O_WRONLY} : flags & passed_on;
}

OpenFile::OpenFile(Ref<Node> node, uint32_t flags, Ref<Handle> handle)
    : InodeFile{node, flags}, handle_{std::move(handle)}, handle_appends_{(flags & O_APPEND) != 0} {
    const sync::Guard guard{node->owner().lock()};
    node->open_files_.push_back(*this);
}

OpenFile::~OpenFile() {
    Node& node = this->node();
    const sync::Guard guard{node.owner().lock()};
    node.open_files_.remove(*this);
}

// SAFETY: the constructor was given one.
Node& OpenFile::node() const { return static_cast<Node&>(*inode_ref()); }

Result<size_t> OpenFile::read(IoBuffer& buffer) {
    const sched::MutexGuard guard{position_lock_};
    return node().read_by(*handle_, position(), buffer);
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
    const Ref<Handle> handle = TRY(handle_for(append));
    // The first time, others may have moved the end since we saw it last.
    if (append && !knows_end_.exchange(true, std::memory_order_relaxed)) TRY(node().attributes());
    return node().write_by(*handle, position, buffer, append);
}

// fcntl(2) may have changed what the file was opened with.
Result<Ref<Handle>> OpenFile::handle_for(bool append) {
    if (append == handle_appends_) [[likely]] return Ref<Handle>{handle_};
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
    if (!listing_) listing_.emplace(node().owner(), listing_size);
    for (;;) {
        if (entries_.empty()) {
            const size_t size = TRY(handle_->read_directory(cursor, listing_->bytes()));
            entries_ = listing_->bytes().first(size);
            // Nothing is kept at the end, where most listings stop.
            if (entries_.empty()) listing_.reset();
        }
        if (entries_.empty()) return {};
        const auto all_given = node().give_entries(entries_, cursor, sink);
        entries_at_ = cursor;
        if (!all_given.ok()) return all_given.error();
        if (!all_given.value()) return {};
    }
}

}  // namespace eremite::fs::remote
