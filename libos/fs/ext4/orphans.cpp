// Files without a name. Those that somebody has open at a commit are put on a list on the volume, so that whoever mounts it after a crash
// frees them (Documentation/filesystems/ext4/orphan.rst): the superblock names the newest, and each the next in its i_dtime.
#include <algorithm>

#include "libos/fs/ext4/directory.hpp"
#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/ext4/file_system.hpp"
#include "libos/log/log.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::ext4 {

FileSystem::Orphan* FileSystem::find_orphan(ext2_ino_t number) {
    for (Orphan& orphan : orphans_)
        if (orphan.number == number) return &orphan;
    return nullptr;
}

void FileSystem::add_orphan(ext2_ino_t number) {
    const sync::Guard guard{lock_};
    // There is room: see expect_orphan().
    (void)orphans_.push_back({number});
}

Result<void> FileSystem::adopt_orphan(ext2_ino_t number) {
    Orphan* const orphan = find_orphan(number);
    if (!orphan) return {};
    if (orphan->listed) TRY(unlist_orphan(number));
    const sync::Guard guard{lock_};
    orphans_.erase(static_cast<size_t>(orphan - orphans_.data()));
    return {};
}

// The inode in memory has to follow.
Result<void> FileSystem::set_next_orphan(ext2_ino_t number, ext2_ino_t next) {
    if (const Ref<Node> node = TRY(node_if_known(number))) {
        node->change();
        node->inode().i_dtime = next;
        return node->store();
    }
    ext2_inode inode;
    TRY(checked(ext2fs_read_inode(volume_.library(), number, &inode)));
    inode.i_dtime = next;
    return checked(ext2fs_write_inode(volume_.library(), number, &inode));
}

Result<void> FileSystem::list_orphan(Orphan& orphan) {
    TRY(listed_.reserve(listed_.size() + 1));
    TRY(set_next_orphan(orphan.number, volume_.super().s_last_orphan));
    volume_.super().s_last_orphan = orphan.number;
    ext2fs_mark_super_dirty(volume_.library());
    orphan.listed = true;
    return listed_.push_back(orphan.number);
}

Result<void> FileSystem::unlist_orphan(ext2_ino_t number) {
    auto* const found = std::find(listed_.begin(), listed_.end(), number);
    if (found == listed_.end()) return {};
    const ext2_ino_t next = found == listed_.begin() ? 0 : found[-1];
    if (found + 1 == listed_.end()) {
        volume_.super().s_last_orphan = next;
        ext2fs_mark_super_dirty(volume_.library());
    } else {
        TRY(set_next_orphan(found[1], next));
    }
    listed_.erase(static_cast<size_t>(found - listed_.begin()));
    return {};
}

// In operations of their own, since one that fails must not take others with it.
Result<void> FileSystem::before_commit() {
    for (Orphan& orphan : orphans_) {
        if (orphan.listed) continue;
        Volume::Part part{volume_};
        TRY(part.begin());
        TRY(list_orphan(orphan));
        TRY(part.keep());
    }
    return {};
}

Result<void> FileSystem::reap() {
    for (;;) {
        ext2_ino_t number = 0;
        {
            const sync::Guard guard{lock_};
            auto* const found = std::find_if(orphans_.begin(), orphans_.end(), [](const Orphan& orphan) { return orphan.dead; });
            if (found == orphans_.end()) return {};
            number = found->number;
        }
        // A commit on the way must know of it.
        const auto freed = free_file(number);
        {
            const sync::Guard guard{lock_};
            if (Orphan* const orphan = find_orphan(number)) orphans_.erase(static_cast<size_t>(orphan - orphans_.data()));
        }
        if (freed.ok()) continue;
        log::warn("{}: a file without a name is not freed (error {}): e2fsck does it", volume_.device().name(), freed.code());
    }
}

void FileSystem::reap_soon() {
    {
        const sync::Guard guard{lock_};
        if (std::none_of(orphans_.begin(), orphans_.end(), [](const Orphan& orphan) { return orphan.dead; })) return;
    }
    const sched::MutexGuard guard{volume_.mutex()};
    // What fails is told there.
    if (!volume_.read_only()) (void)reap();
}

// From the end, in pieces that fit into the journal.
Result<void> FileSystem::free_blocks(ext2_ino_t number, uint64_t from) {
    constexpr uint64_t piece = uint64_t{1} << 16, most_blocks = uint64_t{1} << 32;
    ext2_inode inode;
    TRY(checked(ext2fs_read_inode(volume_.library(), number, &inode)));
    uint64_t end = std::min<uint64_t>((EXT2_I_SIZE(&inode) + volume_.block_size() - 1) / volume_.block_size(), most_blocks);
    for (bool first = true; first || end > from; first = false) {
        const uint64_t begin = end > from + piece ? end - piece : from;
        Volume::Part part{volume_};
        TRY(part.begin_after_commit());
        TRY(checked(ext2fs_read_inode(volume_.library(), number, &inode)));
        // Blocks may have been allocated beyond the end.
        TRY((FileMap{volume_, number, inode}.remove(begin, first ? most_blocks : end)));
        TRY(checked(ext2fs_write_inode(volume_.library(), number, &inode)));
        TRY(part.keep());
        end = begin;
    }
    return {};
}

Result<void> FileSystem::free_file(ext2_ino_t number) {
    ext2_inode_large inode;
    auto& plain = reinterpret_cast<ext2_inode&>(inode);
    TRY(volume_.read_inode(number, inode_bytes(inode)));
    // Blocks may have been allocated behind the end.
    if (ext2fs_inode_has_valid_blocks2(volume_.library(), &plain) && ext2fs_inode_i_blocks(volume_.library(), &plain) != 0) TRY(free_blocks(number, 0));
    Volume::Part part{volume_};
    TRY(part.begin_after_commit());
    TRY(volume_.read_inode(number, inode_bytes(inode)));
    TRY(checked(ext2fs_free_ext_attr(volume_.library(), number, &inode)));
    inode.i_dtime = static_cast<uint32_t>(platform::realtime_now() / Duration::seconds(1).ns);
    inode.i_links_count = 0;
    inode.i_file_acl = 0;
    TRY(volume_.write_inode(number, inode_bytes(inode)));
    // Last, since the lists in memory do not follow an operation that fails.
    TRY(unlist_orphan(number));
    volume_.free_inode(number, LINUX_S_ISDIR(inode.i_mode));
    return part.keep();
}

// What a crash left, and Linux does too. A list that makes no sense is left to e2fsck.
Result<void> FileSystem::recover_orphans() {
    const uint32_t most = volume_.super().s_inodes_count;
    uint32_t done = 0;
    Vector<ext2_ino_t> found;
    for (ext2_ino_t number = volume_.super().s_last_orphan; number != 0; ++done) {
        ext2_inode inode;
        if (done > most || number > most || number < EXT2_FIRST_INODE(&volume_.super())) return Error{EUCLEAN};
        TRY(checked(ext2fs_read_inode(volume_.library(), number, &inode)));
        TRY(found.push_back(number));
        number = inode.i_dtime;
    }
    // The oldest first, as if they had been put there now.
    for (size_t i = found.size(); i-- > 0;) TRY(listed_.push_back(found[i]));
    for (const ext2_ino_t number : found) {
        ext2_inode inode;
        TRY(checked(ext2fs_read_inode(volume_.library(), number, &inode)));
        if (inode.i_links_count == 0) {
            TRY(free_file(number));
            continue;
        }
        // One that was being made shorter.
        TRY(free_blocks(number, (EXT2_I_SIZE(&inode) + volume_.block_size() - 1) / volume_.block_size()));
        Volume::Part part{volume_};
        TRY(part.begin_after_commit());
        TRY(unlist_orphan(number));
        TRY(set_next_orphan(number, 0));
        TRY(part.keep());
    }
    if (!found.empty()) log::info("{}: {} files without names were freed", volume_.device().name(), found.size());
    return {};
}

}  // namespace eremite::fs::ext4
