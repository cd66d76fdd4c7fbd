#include "libos/fs/ninep/open_file.hpp"

#include "libos/fs/ninep/directory.hpp"
#include "libos/fs/ninep/regular_file.hpp"

namespace eremite::fs::ninep {

namespace {

constexpr size_t listing_size = 32 << 10;

}  // namespace

uint32_t OpenFile::server_flags(uint32_t flags) {
    constexpr uint32_t passed_on = O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_DIRECTORY;
    // Linux takes 3 for "neither", which is of use to devices only.
    return (flags & O_ACCMODE) == O_ACCMODE ? flags & passed_on & ~uint32_t{O_WRONLY} : flags & passed_on;
}

OpenFile::OpenFile(Ref<Node> node, uint32_t flags, Ref<Fid> fid)
    : InodeFile{node, flags}, fid_{std::move(fid)}, fid_appends_{(flags & O_APPEND) != 0} {
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
    if (node().type() != FileType::Regular) return Error{EISDIR};
    const sched::MutexGuard guard{position_lock_};
    return static_cast<RegularFile&>(node()).read(*fid_, position(), buffer);
}

Result<size_t> OpenFile::read_at(uint64_t offset, IoBuffer& buffer) {
    if (node().type() != FileType::Regular) return Error{EISDIR};
    return static_cast<RegularFile&>(node()).read(*fid_, offset, buffer);
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
    if (node().type() != FileType::Regular) return Error{EISDIR};
    const Ref<Fid> fid = TRY(fid_for(append));
    // The first time, others may have moved the end since we saw it last.
    if (append && !knows_end_.exchange(true, std::memory_order_relaxed)) TRY(node().attributes());
    return static_cast<RegularFile&>(node()).write(*fid, position, buffer, append);
}

// fcntl(2) may have changed what the file was opened with.
Result<Ref<Fid>> OpenFile::fid_for(bool append) {
    if (append == fid_appends_) [[likely]] return Ref<Fid>{fid_};
    sync::Spinlock& lock = node().owner().lock();
    {
        const sync::Guard guard{lock};
        if (other_fid_) return Ref<Fid>{other_fid_};
        // Of one that has no name any more, only we know the end.
        if (node().detached()) return Ref<Fid>{fid_};
    }
    constexpr uint32_t kept = O_SYNC | O_DSYNC;
    Ref<Fid> fid = TRY(node().open_fid(O_WRONLY | (append ? O_APPEND : 0) | (flags() & kept)));
    const sync::Guard guard{lock};
    if (!other_fid_) other_fid_ = fid;
    return fid;
}

Result<void> OpenFile::list(DirectorySink& sink) {
    if (!node().is_directory()) return Error{ENOTDIR};
    const sched::MutexGuard guard{position_lock_};
    auto& directory = static_cast<Directory&>(node());
    // At the start everything is looked at anew, which is what rewinddir(3) is for.
    uint64_t& cursor = position();
    if (cursor == 0 || cursor != entries_at_) entries_ = {};
    if (!listing_) listing_.emplace(directory.owner(), listing_size);
    for (;;) {
        if (entries_.empty()) {
            const size_t size = TRY(directory.owner().client().read_directory(*fid_, cursor, listing_->bytes()));
            entries_ = listing_->bytes().first(size);
            // Nothing is kept at the end, where most listings stop.
            if (entries_.empty()) listing_.reset();
        }
        if (entries_.empty()) return {};
        const auto all_given = give_entries(entries_, cursor, directory, sink);
        entries_at_ = cursor;
        if (!all_given.ok()) return all_given.error();
        if (!all_given.value()) return {};
    }
}

}  // namespace eremite::fs::ninep
