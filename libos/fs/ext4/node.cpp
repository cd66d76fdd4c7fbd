#include "libos/fs/ext4/node.hpp"

#include <algorithm>
#include <cstring>

#include "libos/fs/dev/devices.hpp"
#include "libos/fs/ext4/errors.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::ext4 {

namespace {

constexpr int64_t second = 1'000'000'000;

}  // namespace

// A chain of directories may hang on this inode alone: it is taken apart in a loop.
void Node::dispose() const {
    Node* node = const_cast<Node*>(this);
    while (node) {
        Node* up;
        {
            const sync::Guard guard{node->owner_.lock()};
            node->owner_.forget(*node);
            up = node->parent_.leak();
        }
        delete node;
        node = up && up->release() ? up : nullptr;
    }
}

uint8_t Node::entry_type() const {
    switch (type()) {
        case FileType::Regular: return EXT2_FT_REG_FILE;
        case FileType::Directory: return EXT2_FT_DIR;
        case FileType::SymbolicLink: return EXT2_FT_SYMLINK;
        case FileType::CharacterDevice: return EXT2_FT_CHRDEV;
        case FileType::BlockDevice: return EXT2_FT_BLKDEV;
        case FileType::Fifo: return EXT2_FT_FIFO;
        case FileType::Socket: return EXT2_FT_SOCK;
        case FileType::Anonymous: break;
    }
    return EXT2_FT_UNKNOWN;
}

Ref<Inode> Node::parent() {
    const sync::Guard guard{owner_.lock()};
    return parent_;
}

size_t Node::name(std::span<char> buffer) const {
    const sync::Guard guard{owner_.lock()};
    return name_.view().copy(buffer.data(), buffer.size());
}

bool Node::unlinked() const {
    const sync::Guard guard{owner_.lock()};
    return unlinked_;
}

Ref<Node> Node::place(Ref<Node> parent, String& name) {
    std::swap(name_, name);
    unlinked_ = false;
    return std::exchange(parent_, std::move(parent));
}

Result<void> Node::load() {
    TRY(volume().read_inode(number_, inode_bytes(inode_)));
    if (inode_.i_extra_isize > EXT2_INODE_SIZE(&volume().super()) - EXT2_GOOD_OLD_INODE_SIZE || inode_.i_extra_isize % 4 != 0) inode_.i_extra_isize = 0;
    // The running transaction may hold changes that were made when it was in memory the last time.
    data_changed();
    return {};
}

void Node::change() {
    if (changing_) return;
    if (const int64_t written = written_at_.exchange(0, std::memory_order_relaxed)) {
        set_time(Modification, written);
        set_time(Change, written);
    }
    before_ = inode_;
    changing_ = Ref<Node>::share(this);
    volume().follow(*this);
}

// That may have been all that kept it.
void Node::undo() {
    inode_ = before_;
    const Ref<Node> released = std::move(changing_);
}

void Node::keep() { const Ref<Node> released = std::move(changing_); }

void Node::note_write() {
    written_at_.store(platform::realtime_now(), std::memory_order_relaxed);
    access_known_until_.store(0, std::memory_order_relaxed);
}

Result<void> Node::settle_times() {
    if (written_at_.load(std::memory_order_relaxed) == 0) return {};
    Operation operation{volume()};
    TRY(operation.begin());
    change();
    TRY(store());
    return operation.keep();
}

Result<void> Node::store() { return volume().write_inode(number_, inode_bytes(inode_)); }

// Documentation/filesystems/ext4/inodes.rst: 32 bits of seconds, two more of them in the low bits of the extra word, nanoseconds above.
void Node::set_time(Time which, int64_t nanoseconds) {
    int64_t seconds = nanoseconds / second, rest = nanoseconds % second;
    if (rest < 0) {
        rest += second;
        --seconds;
    }
    const auto low = static_cast<uint32_t>(seconds);
    const auto epoch = static_cast<uint32_t>((seconds - static_cast<int32_t>(low)) >> 32) & 3;
    const auto extra = static_cast<uint32_t>(rest) << 2 | epoch;
    const auto put = [&](uint32_t& field, uint32_t& extra_field) {
        field = low;
        const auto end = static_cast<size_t>(reinterpret_cast<uint8_t*>(&extra_field + 1) - reinterpret_cast<uint8_t*>(&inode_));
        if (end <= size_t{EXT2_GOOD_OLD_INODE_SIZE} + inode_.i_extra_isize) extra_field = extra;
    };
    if (which != Birth) access_known_until_.store(0, std::memory_order_relaxed);
    if (which == Access) put(inode_.i_atime, inode_.i_atime_extra);
    if (which == Modification) put(inode_.i_mtime, inode_.i_mtime_extra);
    if (which == Change) put(inode_.i_ctime, inode_.i_ctime_extra);
    if (which == Birth && inode_.i_extra_isize > 0) put(inode_.i_crtime, inode_.i_crtime_extra);
}

int64_t Node::time(Time which) const {
    const auto get = [&](const uint32_t& field, const uint32_t& extra_field) {
        const auto end = static_cast<size_t>(reinterpret_cast<const uint8_t*>(&extra_field + 1) - reinterpret_cast<const uint8_t*>(&inode_));
        const bool has = end <= size_t{EXT2_GOOD_OLD_INODE_SIZE} + inode_.i_extra_isize;
        // Ours end in 2262.
        constexpr int64_t last = INT64_MAX / second - 2;
        const int64_t seconds = std::min(static_cast<int32_t>(field) + (has ? int64_t{extra_field & 3} << 32 : 0), last);
        return seconds * second + (has ? extra_field >> 2 : 0);
    };
    switch (which) {
        case Access: return get(inode_.i_atime, inode_.i_atime_extra);
        case Modification: return get(inode_.i_mtime, inode_.i_mtime_extra);
        case Change: return get(inode_.i_ctime, inode_.i_ctime_extra);
        case Birth: return get(inode_.i_crtime, inode_.i_crtime_extra);
    }
    return 0;
}

void Node::touch(unsigned times) {
    const int64_t now = platform::realtime_now();
    for (const Time which : {Access, Modification, Change, Birth})
        if ((times & which) != 0) set_time(which, now);
}

// A failure is no reason not to read.
void Node::accessed() {
    constexpr int64_t day = 24 * 60 * 60 * second;
    const int64_t now = platform::realtime_now();
    if (now < access_known_until_.load(std::memory_order_relaxed)) return;
    {
        const sched::MutexGuard guard{volume().mutex()};
        const int64_t last = time(Access), written = std::max({time(Modification), time(Change), written_at_.load(std::memory_order_relaxed)});
        access_known_until_.store(volume().read_only() ? INT64_MAX : last > written ? last + day : 0, std::memory_order_relaxed);
        if (now < access_known_until_.load(std::memory_order_relaxed)) return;
    }
    Operation operation{volume()};
    if (!operation.begin().ok()) return;
    change();
    touch(Access);
    if (store().ok()) (void)operation.keep();
}

Result<Attributes> Node::attributes() {
    Attributes a;
    const sched::MutexGuard guard{volume().mutex()};
    a.device = owner_.device();
    a.inode = number_;
    a.mode = inode_.i_mode;
    a.links = inode_.i_links_count;
    a.uid = inode_uid(inode_);
    a.gid = inode_gid(inode_);
    a.size = EXT2_I_SIZE(&inode_);
    a.blocks = ext2fs_inode_i_blocks(volume().library(), &inode());
    if ((inode_.i_flags & EXT4_HUGE_FILE_FL) != 0) a.blocks *= volume().block_size() / block::sector_size;
    a.block_size = static_cast<uint32_t>(page_size);
    // Older numbers have 16 bits.
    if (type() == FileType::CharacterDevice || type() == FileType::BlockDevice) {
        const uint32_t old = inode_.i_block[0];
        a.device_number = old != 0 ? eremite::fs::device_number(old >> 8, old & 0xff) : inode_.i_block[1];
    }
    a.access_time = time(Access);
    a.modification_time = time(Modification);
    a.change_time = time(Change);
    a.birth_time = inode_.i_extra_isize > 0 ? time(Birth) : a.change_time;
    if (const int64_t written = written_at_.load(std::memory_order_relaxed)) a.modification_time = a.change_time = written;
    fill(a);
    return a;
}

Result<void> Node::set_attributes(const AttributeChange& wanted) {
    Operation operation{volume()};
    TRY(operation.begin());
    change();
    if (wanted.permissions) inode_.i_mode = static_cast<uint16_t>((inode_.i_mode & ~07777u) | (*wanted.permissions & 07777));
    if (wanted.uid) {
        inode_.i_uid = static_cast<uint16_t>(*wanted.uid);
        inode_.osd2.linux2.l_i_uid_high = static_cast<uint16_t>(*wanted.uid >> 16);
    }
    if (wanted.gid) {
        inode_.i_gid = static_cast<uint16_t>(*wanted.gid);
        inode_.osd2.linux2.l_i_gid_high = static_cast<uint16_t>(*wanted.gid >> 16);
    }
    if (wanted.access_time) set_time(Access, *wanted.access_time);
    if (wanted.modification_time) set_time(Modification, *wanted.modification_time);
    touch(Change);
    TRY(store());
    return operation.keep();
}

Result<void> Node::synchronize(bool data_only) {
    const sched::MutexGuard guard{volume().mutex()};
    return data_only && data_transaction_ != volume().transaction() ? volume().flush() : volume().commit();
}

Result<Ref<File>> SpecialFile::open(uint32_t flags) {
    return type() == FileType::Fifo ? Inode::open(flags) : dev::open_device(Ref<Inode>::share(this), flags);
}

Result<std::string_view> SymbolicLink::link_target() {
    const sched::MutexGuard guard{volume().mutex()};
    if (target_.size() != 0) return target_.view();
    const uint64_t size = EXT2_I_SIZE(&inode());
    if (size == 0 || size >= page_size || size > volume().block_size()) return Error{EUCLEAN};
    if (ext2fs_is_fast_symlink(&inode())) {
        if (size > sizeof inode().i_block) return Error{EUCLEAN};
        target_ = TRY(String::copy({reinterpret_cast<const char*>(inode().i_block), size}));
        return target_.view();
    }
    const FileBlocks found = TRY(map().find(0, 1));
    if (found.kind != FileBlocks::Kind::Written) return Error{EUCLEAN};
    Block* const block = TRY(volume().cache().get(found.first));
    target_ = TRY(String::copy({block->as<const char>(), size}));
    return target_.view();
}

Result<void> SymbolicLink::write_target(std::string_view target) {
    if (target.size() >= volume().block_size()) return Error{ENAMETOOLONG};
    inode().i_size = static_cast<uint32_t>(target.size());
    if (target.size() < sizeof inode().i_block) {
        inode().i_flags &= ~static_cast<uint32_t>(EXT4_EXTENTS_FL);
        std::memset(inode().i_block, 0, sizeof inode().i_block);
        target.copy(reinterpret_cast<char*>(inode().i_block), target.size());
        return {};
    }
    const BlockRange found = TRY(volume().find_free(map().goal(0), 1, Volume::Use::Ordinary));
    volume().use(found);
    TRY(map().insert(0, found, true));
    Block* const block = TRY(volume().cache().get_blank(found.first));
    target.copy(block->as<char>(), target.size());
    return {};
}

}  // namespace eremite::fs::ext4
