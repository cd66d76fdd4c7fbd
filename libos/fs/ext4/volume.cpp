#include "libos/fs/ext4/volume.hpp"

#include <algorithm>
#include <cstring>

#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "libos/log/log.hpp"

namespace eremite::fs::ext4 {

namespace {

enum MapChange : uint8_t { block_map_changed = 1, inode_map_changed = 2 };

}  // namespace

// --- allocation

void Volume::install_hooks() {
    library_->priv_data = this;
    library_->write_bitmaps = nullptr;
    library_->block_alloc_stats = [](ext2_filsys fs, blk64_t block, int change) { of(fs).allocated(block, 1, change); };
    library_->get_alloc_block2 = [](ext2_filsys fs, blk64_t goal, blk64_t* result, blk_alloc_ctx*) -> errcode_t {
        const auto found = of(fs).find_free(goal, 1, Use::Promised);
        if (found.ok()) *result = found.value().first;
        return found.code();
    };
}

// The library calls this for each change of its map of blocks.
void Volume::allocated(uint64_t first, uint32_t count, int change) {
    const uint64_t start = super().s_first_data_block, size = super().s_blocks_per_group;
    for (uint64_t group = (first - start) / size; group <= (first + count - 1 - start) / size; ++group) mark_group(group, block_map_changed);
    free_.store(change > 0 ? free_ - count : free_ + count, std::memory_order_relaxed);
    if (undoing_) return;
    // What was freed may be needed again if the machine stops before the next commit.
    if (change < 0) withhold({first, count});
    // The library frees block by block.
    const auto follows = [&](uint64_t end) { return change < 0 && end == first; };
    if (!allocations_.empty() && !allocations_.back().inode && allocations_.back().change == change &&
        follows(allocations_.back().first + allocations_.back().count)) {
        allocations_.back().count += count;
        freed_.back().count += count;
        return;
    }
    bool known = allocations_.push_back({first, count, static_cast<int8_t>(change), false, false}).ok();
    if (change < 0 && known) known = freed_.push_back({first, count}).ok();
    lost_track_ |= !known;
}

// The library's function for ranges tells nobody which range it was.
void Volume::use(BlockRange range) {
    ext2fs_block_alloc_stats_range(library_, range.first, static_cast<blk_t>(range.count), 1);
    allocated(range.first, static_cast<uint32_t>(range.count), 1);
}

void Volume::mark_group(uint64_t group, uint8_t what) { changed_groups_[group] |= what; }

void Volume::withhold(BlockRange range) { ext2fs_mark_block_bitmap_range2(withheld_, range.first, static_cast<blk_t>(range.count)); }
void Volume::release(BlockRange range) { ext2fs_unmark_block_bitmap_range2(withheld_, range.first, static_cast<blk_t>(range.count)); }

bool Volume::has_room(uint64_t bytes) const {
    // Maps of files, and the last pages of files of which nobody counts the blocks.
    constexpr uint64_t margin = uint64_t{1} << 20;
    const uint64_t waiting = (page_cache::figures().dirty + 2) * page_size + bytes;
    return free_.load(std::memory_order_relaxed) > promised_ + (2 * waiting + margin) / block_size_;
}

Result<BlockRange> Volume::find_free(uint64_t goal, uint64_t wanted, Use use) {
    if (use == Use::Ordinary) {
        wanted = std::min(wanted, ordinary_blocks());
        if (wanted == 0) return Error{ENOSPC};
    }
    const uint64_t first = super().s_first_data_block, end = ext2fs_blocks_count(&super());
    if (goal < first || goal >= end) goal = first;
    const auto search = [&](uint64_t from, uint64_t to) -> Result<BlockRange> {
        while (from < to) {
            blk64_t found = 0, next = 0;
            if (ext2fs_find_first_zero_block_bitmap2(library_->block_map, from, to - 1, &found) != 0) break;
            if (ext2fs_test_block_bitmap2(withheld_, found)) {
                if (ext2fs_find_first_zero_block_bitmap2(withheld_, found, to - 1, &next) != 0) break;
                from = next;
                continue;
            }
            uint64_t last = std::min<uint64_t>(found + wanted, to) - 1;
            for (ext2fs_block_bitmap map : {library_->block_map, withheld_})
                if (last > found && ext2fs_find_first_set_block_bitmap2(map, found + 1, last, &next) == 0) last = next - 1;
            return BlockRange{found, last - found + 1};
        }
        return Error{ENOSPC};
    };
    const auto found = search(goal, end);
    if (found.ok() || goal == first) return found.ok() ? Result<BlockRange>{found.value()} : Result<BlockRange>{found.error()};
    return search(first, goal);
}

Result<ext2_ino_t> Volume::allocate_inode(ext2_ino_t near, uint32_t mode) {
    ext2_ino_t number = 0;
    TRY(allocations_.reserve(allocations_.size() + 1));
    TRY(checked(ext2fs_new_inode(library_, near, static_cast<int>(mode), nullptr, &number)));
    const bool directory = (mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
    ext2fs_inode_alloc_stats2(library_, number, 1, directory);
    mark_group((number - 1) / super().s_inodes_per_group, inode_map_changed);
    TRY(allocations_.push_back({number, 1, 1, true, directory}));
    return number;
}

void Volume::free_inode(ext2_ino_t number, bool directory) {
    ext2fs_inode_alloc_stats2(library_, number, -1, directory);
    mark_group((number - 1) / super().s_inodes_per_group, inode_map_changed);
    lost_track_ |= !allocations_.push_back({number, 1, -1, true, directory}).ok();
}

// --- operations

Result<void> Volume::begin_operation() {
    if (failure_ != 0) return Error{failure_};
    if (read_only_) return Error{EROFS};
    // So that what one operation changes always finds room in the journal.
    const size_t maps = std::count_if(changed_groups_.begin(), changed_groups_.end(), [](uint8_t group) { return group != 0; });
    const size_t blocks = cache_->changed_count() + 2 * maps + library_->desc_blocks + freed_.size() / 8;
    if (blocks > journal_->capacity() / 4 || cache_->changed_is_much()) TRY(commit());
    return prepare_operation();
}

Result<void> Volume::prepare_operation() {
    constexpr size_t usual_allocations = 64;
    TRY(allocations_.reserve(usual_allocations));
    TRY(freed_.reserve(freed_.size() + usual_allocations));
    freed_before_ = freed_.size();
    lost_track_ = false;
    return {};
}

void Volume::keep_operation() {
    cache_->keep();
    allocations_.clear();
    while (Follower* const follower = followers_.pop_front()) follower->keep();
    if (listener_) listener_->changed();
}

void Volume::undo_operation() {
    undoing_ = true;
    for (size_t i = allocations_.size(); i-- > 0;) {
        const Allocation& a = allocations_[i];
        if (a.inode) {
            ext2fs_inode_alloc_stats2(library_, static_cast<ext2_ino_t>(a.first), -a.change, a.directory);
            continue;
        }
        ext2fs_block_alloc_stats_range(library_, a.first, a.count, -a.change);
        allocated(a.first, a.count, -a.change);
        if (a.change < 0) release({a.first, a.count});
    }
    undoing_ = false;
    allocations_.clear();
    while (freed_.size() > freed_before_) freed_.pop_back();
    cache_->undo();
    // The library keeps inodes of its own.
    (void)ext2fs_flush_icache(library_);
    while (Follower* const follower = followers_.pop_front()) follower->undo();
    // Without a complete record there is no way back but the last commit.
    if (std::exchange(lost_track_, false)) break_down("memory ran out", ENOMEM);
}

// --- commits

Result<void> Volume::write_bitmap(uint32_t group, bool inodes, uint8_t* buffer) {
    const uint32_t bits = inodes ? super().s_inodes_per_group : super().s_blocks_per_group;
    std::memset(buffer, 0xff, block_size_);
    uint64_t place;
    if (inodes) {
        TRY(checked(ext2fs_get_inode_bitmap_range2(library_->inode_map, uint64_t{group} * bits + 1, bits, buffer)));
        TRY(checked(ext2fs_inode_bitmap_csum_set(library_, group, reinterpret_cast<char*>(buffer), static_cast<int>(bits / 8))));
        place = ext2fs_inode_bitmap_loc(library_, group);
    } else {
        const uint64_t first = super().s_first_data_block + uint64_t{group} * bits;
        const uint64_t count = std::min<uint64_t>(bits, ext2fs_blocks_count(&super()) - first);
        TRY(checked(ext2fs_get_block_bitmap_range2(library_->block_map, first, count, buffer)));
        // Blocks behind the end of the volume count as used.
        for (uint64_t bit = count; bit < bits; ++bit) buffer[bit / 8] |= static_cast<uint8_t>(1u << (bit % 8));
        TRY(checked(ext2fs_block_bitmap_csum_set(library_, group, reinterpret_cast<char*>(buffer), static_cast<int>(bits / 8))));
        place = ext2fs_block_bitmap_loc(library_, group);
    }
    ext2fs_group_desc_csum_set(library_, group);
    return cache_->write(place, 0, {buffer, block_size_});
}

Result<void> Volume::write_bitmaps() {
    Vector<uint8_t> buffer;
    TRY(buffer.resize(block_size_));
    for (uint32_t group = 0; group < changed_groups_.size(); ++group) {
        if ((changed_groups_[group] & block_map_changed) != 0) TRY(write_bitmap(group, false, buffer.data()));
        if ((changed_groups_[group] & inode_map_changed) != 0) TRY(write_bitmap(group, true, buffer.data()));
    }
    return {};
}

// What the library keeps to itself: maps, group descriptors and superblock.
Result<void> Volume::write_library() {
    TRY(write_bitmaps());
    return checked(ext2fs_flush2(library_, EXT2_FLAG_FLUSH_NO_SYNC));
}

Result<void> Volume::write_transaction() {
    // Only blocks of directories are to be sealed.
    TRY(cache_->seal_changed([&](Block& block, ext2_ino_t number) { return checked(ext2fs_dir_block_csum_set(library_, number, block.as<ext2_dir_entry>())); }));
    // Those of an attempt that failed for want of memory are in it already.
    TRY(revoked_.reserve(revoked_.size() + (freed_.empty() ? 0 : cache_->block_count())));
    for (const BlockRange& range : freed_)
        cache_->forget_range(range.first, range.count, [&](uint64_t block) { (void)revoked_.push_back(block); });
    if (!journal_->has_room(cache_->changed_count(), revoked_.size())) return Error{ENOSPC};
    return journal_->commit(cache_->changed(), cache_->changed_count(), revoked_.span());
}

Result<void> Volume::commit() {
    if (failure_ != 0) return Error{failure_};
    if (!read_only_ && listener_) TRY(listener_->before_commit());
    const bool maps = std::any_of(changed_groups_.begin(), changed_groups_.end(), [](uint8_t group) { return group != 0; });
    if (read_only_ || (cache_->changed_count() == 0 && !maps)) return device_.flush();
    auto result = write_library();
    if (!result.ok()) {
        // Nothing was written: the next commit tries again.
        cache_->undo();
        return result;
    }
    cache_->keep();
    result = write_transaction();
    if (result.code() == ENOMEM) {
        // Without its end a transaction in the log is none, and can be written again.
        cache_->clear();
        result = write_transaction();
        if (result.code() == ENOMEM) return result;
    }
    if (!result.ok()) {
        break_down("a commit failed", result.code());
        return result;
    }
    cache_->committed();
    revoked_.clear();
    std::fill(changed_groups_.begin(), changed_groups_.end(), 0);
    for (const BlockRange& range : freed_) release(range);
    freed_.clear();
    ++transaction_;
    return journal_->half_full() || cache_->logged_is_much() ? checkpoint_or_break_down() : Result<void>{};
}

Result<void> Volume::release_memory() {
    const sched::MutexGuard guard{mutex_};
    TRY(commit());
    if (!read_only_) TRY(checkpoint_or_break_down());
    cache_->clear();
    return {};
}

Result<void> Volume::checkpoint_or_break_down() {
    auto result = checkpoint(false);
    if (!result.ok()) break_down("a checkpoint failed", result.code());
    return result;
}

Result<void> Volume::checkpoint(bool finally) {
    TRY(cache_->write_logged());
    TRY(device_.flush());
    TRY(journal_->release(finally));
    cache_->checkpointed();
    return {};
}

// What is in the journal is good, and the next mount finds it.
void Volume::break_down(std::string_view why, int code) {
    if (failure_ != 0) return;
    failure_ = EIO;
    log::error("{}: {} (error {}): the volume can only be read from now on", device_.name(), why, code);
}

}  // namespace eremite::fs::ext4
