// The beginning and the end of a volume's use.
#include <algorithm>
#include <cstring>
#include <new>

#include "libos/fs/ext4/channel.hpp"
#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/ext4/mapping.hpp"
#include "libos/fs/ext4/volume.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::ext4 {

namespace {

constexpr uint32_t known_incompatible = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT3_FEATURE_INCOMPAT_EXTENTS |
                                        EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED |
                                        EXT2_FEATURE_INCOMPAT_META_BG;
// With any other, a volume can be read but not written.
constexpr uint32_t known_when_written = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
                                        EXT4_FEATURE_RO_COMPAT_GDT_CSUM | EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
                                        EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
constexpr uint32_t smallest_inode = 128;

}  // namespace

Volume::~Volume() {
    close_library();
    if (spare_page_.value != 0) mm::page_allocator().free(spare_page_, 0);
}

void Volume::close_library() {
    if (!library_) return;
    if (withheld_) ext2fs_free_block_bitmap(std::exchange(withheld_, nullptr));
    ext2fs_free(std::exchange(library_, nullptr));
}

Result<void> Volume::read_super(ext2_super_block& super) {
    const PhysicalAddress page = TRY(mm::page_allocator().allocate(0));
    const block::Segment segment{page, page_size};
    const auto read = device_.read(0, {&segment, 1});
    if (read.ok()) std::memcpy(&super, direct_map(page + SUPERBLOCK_OFFSET).as<void>(), sizeof super);
    mm::page_allocator().free(page, 0);
    return read;
}

Result<void> Volume::check_super(const ext2_super_block& super, bool& only_readable) const {
    if (super.s_magic != EXT2_SUPER_MAGIC || super.s_log_block_size > 2) return Error{EUCLEAN};
    if ((super.s_feature_incompat & ~known_incompatible) != 0 || super.s_rev_level != EXT2_DYNAMIC_REV) return Error{ENOTSUP};
    // Where clusters are allocated rather than blocks, much is counted otherwise.
    if ((super.s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_BIGALLOC) != 0) return Error{ENOTSUP};
    const auto size = static_cast<uint64_t>(EXT2_BLOCK_SIZE(&super));
    if (size < device_.limits().block_size) return Error{ENOTSUP};
    if (super.s_inode_size < smallest_inode || super.s_blocks_per_group % 8 != 0 || super.s_inodes_per_group % 8 != 0 ||
        super.s_blocks_per_group > size * 8 || super.s_inodes_per_group > size * 8)
        return Error{EUCLEAN};
    if (ext2fs_blocks_count(const_cast<ext2_super_block*>(&super)) > device_.limits().sectors / (size / block::sector_size)) return Error{EUCLEAN};
    only_readable = (super.s_feature_ro_compat & ~known_when_written) != 0 || (super.s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL) == 0;
    return {};
}

// The journal is a file of the volume (inode 8).
Result<void> Volume::open_journal() {
    Vector<JournalPart> parts;
    ext2_inode inode;
    const ext2_ino_t number = super().s_journal_inum;
    TRY(checked(ext2fs_read_inode(library_, number, &inode)));
    const uint64_t blocks = EXT2_I_SIZE(&inode) / block_size_;
    if (blocks == 0 || blocks > UINT32_MAX || blocks > ext2fs_blocks_count(&super()) || !LINUX_S_ISREG(inode.i_mode)) return Error{EUCLEAN};
    FileMap map{*this, number, inode};
    for (uint64_t block = 0; block < blocks;) {
        const FileBlocks found = TRY(map.find(block, blocks - block));
        if (found.kind == FileBlocks::Kind::Hole || found.count == 0) return Error{EUCLEAN};
        const auto count = static_cast<uint32_t>(found.count);
        if (!parts.empty() && parts.back().first + parts.back().count == found.first) parts.back().count += count;
        else TRY(parts.push_back({found.first, count}));
        block += count;
    }
    journal_.reset(new (std::nothrow) Journal{device_, block_size_});
    if (!journal_) return Error{ENOMEM};
    return journal_->open(std::move(parts));
}

Result<void> Volume::mount(bool read_only) {
    ext2_super_block first;
    bool only_readable = false;
    TRY(read_super(first));
    TRY(check_super(first, only_readable));
    block_size_ = EXT2_BLOCK_SIZE(&first);
    constexpr uint64_t fewest_cached = 64, most_cached = 4096, part_of_memory = 64;
    const size_t cached = std::clamp(mm::page_allocator().total_pages() / part_of_memory, fewest_cached, most_cached);
    cache_.reset(new (std::nothrow) BlockCache{device_, block_size_, cached});
    if (!cache_) return Error{ENOMEM};
    spare_page_ = TRY(mm::page_allocator().allocate(0));
    const bool has_journal = (first.s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL) != 0;
    if (has_journal) {
        // What the journal holds may be newer than what is read here: only the journal's own place is believed.
        library_ = TRY(open_library(*cache_, EXT2_FLAG_IGNORE_CSUM_ERRORS));
        TRY(open_journal());
        if (!journal_->empty()) {
            if (device_.limits().read_only) return Error{EROFS};
            const ReplayReport report = TRY(journal_->replay());
            if (report.transactions != 0) log::warn("{}: recovered {} transactions, {} blocks", device_.name(), report.transactions, report.blocks);
        }
        close_library();
        cache_->clear();
        TRY(read_super(first));
        TRY(check_super(first, only_readable));
    }
    read_only_ = read_only || only_readable || device_.limits().read_only;
    if (read_only_ && !read_only && !device_.limits().read_only)
        log::warn("{}: the volume has features for which it can only be read", device_.name());
    library_ = TRY(open_library(*cache_, read_only_ ? 0 : EXT2_FLAG_RW));
    TRY(checked(ext2fs_read_bitmaps(library_)));
    if (super().s_state & EXT2_ERROR_FS) log::warn("{}: errors were found on the volume before: e2fsck repairs them", device_.name());
    if (read_only_) return {};
    return start();
}

// Says on the volume that its journal counts, and begins to write it.
Result<void> Volume::start() {
    TRY(changed_groups_.resize(library_->group_desc_count));
    TRY(checked(ext2fs_allocate_block_bitmap(library_, "withheld", &withheld_)));
    install_hooks();
    // As Linux keeps them (s_resv_clusters).
    constexpr uint64_t most_promised = 4096, part_of_volume = 50;
    promised_ = std::min<uint64_t>(ext2fs_blocks_count(&super()) / part_of_volume, most_promised);
    free_ = free_blocks();
    ext2fs_set_feature_journal_needs_recovery(&super());
    super().s_mtime = static_cast<uint32_t>(platform::realtime_now() / Duration::seconds(1).ns);
    ++super().s_mnt_count;
    ext2fs_mark_super_dirty(library_);
    TRY(write_library());
    cache_->keep();
    cache_->committed();
    TRY(cache_->write_logged());
    cache_->checkpointed();
    return journal_->start(ext2fs_has_feature_metadata_csum(&super()), ext2fs_has_feature_64bit(&super()));
}

Result<void> Volume::unmount() {
    if (read_only_) return {};
    TRY(commit());
    TRY(checkpoint(true));
    ext2fs_clear_feature_journal_needs_recovery(&super());
    ext2fs_mark_super_dirty(library_);
    TRY(write_library());
    cache_->keep();
    cache_->committed();
    TRY(cache_->write_logged());
    TRY(device_.flush());
    cache_->checkpointed();
    read_only_ = true;
    return {};
}

}  // namespace eremite::fs::ext4
