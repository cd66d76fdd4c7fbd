#include "libos/fs/ext4/mapping.hpp"

#include <algorithm>

#include "libos/fs/ext4/errors.hpp"

namespace eremite::fs::ext4 {

namespace {

constexpr uint64_t most_file_blocks = uint64_t{1} << 32;

// A walk through a file's extents.
class Extents {
public:
    Extents() = default;
    Extents(const Extents&) = delete;
    Extents& operator=(const Extents&) = delete;
    ~Extents() {
        if (handle_) ext2fs_extent_free(handle_);
    }
    Result<void> open(FileMap& map) { return checked(ext2fs_extent_open2(map.volume.library(), map.number, &map.inode, &handle_)); }
    [[nodiscard]] ext2_extent_handle_t get() const { return handle_; }

    // Goes to the extent that holds a file block, or else to its neighbour before, or behind. False: there is none at all.
    Result<bool> seek(uint64_t block, ext2fs_extent& extent) {
        const errcode_t found = ext2fs_extent_goto(handle_, block);
        if (found != 0 && found != EXT2_ET_EXTENT_NOT_FOUND) return error_of(found);
        const errcode_t current = ext2fs_extent_get(handle_, EXT2_EXTENT_CURRENT, &extent);
        if (current == EXT2_ET_NO_CURRENT_NODE) return false;
        TRY(checked(current));
        return true;
    }

    // Goes to the extent behind. False: that was the last. The library's own way is for walks from the root: behind a search it comes by the
    // same leaf again.
    Result<bool> next(ext2fs_extent& extent) {
        errcode_t moved;
        while ((moved = ext2fs_extent_get(handle_, EXT2_EXTENT_NEXT_SIB, &extent)) == EXT2_ET_EXTENT_NO_NEXT) {
            const errcode_t up = ext2fs_extent_get(handle_, EXT2_EXTENT_UP, &extent);
            if (up == EXT2_ET_EXTENT_NO_UP) return false;
            TRY(checked(up));
        }
        while (moved == 0 && (extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) == 0) moved = ext2fs_extent_get(handle_, EXT2_EXTENT_DOWN, &extent);
        TRY(checked(moved));
        return true;
    }

private:
    ext2_extent_handle_t handle_ = nullptr;
};

bool is_unwritten(const ext2fs_extent& extent) { return (extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT) != 0; }

}  // namespace

Result<FileBlocks> FileMap::find(uint64_t block, uint64_t most) {
    if (block >= most_file_blocks) return FileBlocks{FileBlocks::Kind::Hole, 0, most};
    const FileBlocks found = TRY(has_extents() ? find_extent(block, most) : find_listed(block, most));
    if (found.kind == FileBlocks::Kind::Hole) return found;
    const uint64_t end = ext2fs_blocks_count(&volume.super());
    if (found.first < volume.super().s_first_data_block || found.first >= end || found.count > end - found.first) return Error{EUCLEAN};
    return found;
}

Result<FileBlocks> FileMap::find_extent(uint64_t block, uint64_t most) {
    Extents extents;
    TRY(extents.open(*this));
    ext2fs_extent extent;
    if (!TRY(extents.seek(block, extent))) return FileBlocks{FileBlocks::Kind::Hole, 0, most};
    const auto hole_until = [&](uint64_t end) { return FileBlocks{FileBlocks::Kind::Hole, 0, std::min(most, end - block)}; };
    if (block < extent.e_lblk) return hole_until(extent.e_lblk);
    const uint64_t offset = block - extent.e_lblk;
    if (offset < extent.e_len) {
        return FileBlocks{is_unwritten(extent) ? FileBlocks::Kind::Unwritten : FileBlocks::Kind::Written, extent.e_pblk + offset,
                          std::min<uint64_t>(most, extent.e_len - offset)};
    }
    if (!TRY(extents.next(extent))) return FileBlocks{FileBlocks::Kind::Hole, 0, most};
    if (extent.e_lblk <= block) return Error{EUCLEAN};
    return hole_until(extent.e_lblk);
}

Result<FileBlocks> FileMap::find_listed(uint64_t block, uint64_t most) {
    constexpr uint64_t most_at_once = 256;
    FileBlocks result{FileBlocks::Kind::Hole, 0, 0};
    for (; result.count < std::min(most, most_at_once); ++result.count) {
        blk64_t place = 0;
        TRY(checked(ext2fs_bmap2(volume.library(), number, &inode, nullptr, 0, block + result.count, nullptr, &place)));
        if (result.count == 0 && place != 0) result = {FileBlocks::Kind::Written, place, 0};
        else if (result.count != 0 && place != (result.first == 0 ? 0 : result.first + result.count)) break;
    }
    return result;
}

Result<void> FileMap::insert(uint64_t block, BlockRange blocks, bool written) {
    if (block >= most_file_blocks || blocks.count > most_file_blocks - block) return Error{EFBIG};
    if (has_extents()) {
        while (blocks.count > 0) {
            const uint64_t piece = std::min<uint64_t>(blocks.count, written ? EXT_INIT_MAX_LEN : EXT_UNINIT_MAX_LEN);
            TRY(insert_extent(block, {blocks.first, piece}, written));
            TRY(checked(ext2fs_iblk_add_blocks(volume.library(), &inode, piece)));
            block += piece;
            blocks = {blocks.first + piece, blocks.count - piece};
        }
        return {};
    }
    for (uint64_t i = 0; i < blocks.count; ++i) {
        blk64_t place = blocks.first + i;
        TRY(checked(ext2fs_bmap2(volume.library(), number, &inode, nullptr, BMAP_SET | BMAP_ALLOC, block + i, nullptr, &place)));
    }
    return checked(ext2fs_iblk_add_blocks(volume.library(), &inode, blocks.count));
}

Result<void> FileMap::insert_extent(uint64_t block, BlockRange blocks, bool written) {
    Extents extents;
    TRY(extents.open(*this));
    ext2fs_extent found;
    const bool any = TRY(extents.seek(block, found));
    if (any && block >= found.e_lblk) {
        if (block < found.e_lblk + found.e_len) return Error{EUCLEAN};
        const uint64_t longest = written ? EXT_INIT_MAX_LEN : EXT_UNINIT_MAX_LEN;
        const bool joins = found.e_lblk + found.e_len == block && found.e_pblk + found.e_len == blocks.first && is_unwritten(found) == !written;
        if (joins && found.e_len + blocks.count <= longest) {
            found.e_len += static_cast<uint32_t>(blocks.count);
            return checked(ext2fs_extent_replace(extents.get(), 0, &found));
        }
    }
    ext2fs_extent added{blocks.first, block, static_cast<uint32_t>(blocks.count),
                        static_cast<uint32_t>(EXT2_EXTENT_FLAGS_LEAF | (written ? 0 : EXT2_EXTENT_FLAGS_UNINIT))};
    const int where = any && block >= found.e_lblk ? EXT2_EXTENT_INSERT_AFTER : 0;
    TRY(checked(ext2fs_extent_insert(extents.get(), where, &added)));
    return checked(ext2fs_extent_fix_parents(extents.get()));
}

Result<void> FileMap::set_written(uint64_t block, BlockRange blocks) {
    if (!has_extents()) return {};
    Extents extents;
    TRY(extents.open(*this));
    for (uint64_t i = 0; i < blocks.count;) {
        ext2fs_extent found;
        const uint64_t at = block + i;
        if (!TRY(extents.seek(at, found)) || at < found.e_lblk || at >= found.e_lblk + found.e_len) return Error{EUCLEAN};
        if (is_unwritten(found) && found.e_lblk == at && found.e_len <= blocks.count - i) {
            found.e_flags &= ~static_cast<uint32_t>(EXT2_EXTENT_FLAGS_UNINIT);
            TRY(checked(ext2fs_extent_replace(extents.get(), 0, &found)));
            i += found.e_len;
            continue;
        }
        // A part of an extent: the library splits it.
        if (is_unwritten(found)) TRY(checked(ext2fs_extent_set_bmap(extents.get(), at, blocks.first + i, 0)));
        ++i;
    }
    return {};
}

Result<void> FileMap::remove(uint64_t block, uint64_t end) {
    if (block >= end) return {};
    return checked(ext2fs_punch(volume.library(), number, &inode, nullptr, block, end >= most_file_blocks ? ~uint64_t{0} : end - 1));
}

}  // namespace eremite::fs::ext4
