#pragma once
// Which blocks of the volume hold a file's blocks: extents, or the lists of ext2. All of it requires the volume's lock; what changes
// anything requires a running operation, and changes the inode in memory too.
#include <cstdint>

#include "libos/fs/ext4/volume.hpp"

namespace eremite::fs::ext4 {

struct FileBlocks {
    enum class Kind : uint8_t { Hole, Written, Unwritten };
    Kind kind;
    uint64_t first;  // of the volume; 0: a hole
    uint64_t count;  // from the one that was asked for
};

// A file's inode as it is in memory, and its number.
struct FileMap {
    Volume& volume;
    ext2_ino_t number;
    ext2_inode& inode;

    // What file block `block` and those behind it are, at most `most`. EUCLEAN: damaged.
    [[nodiscard]] Result<FileBlocks> find(uint64_t block, uint64_t most);
    // Blocks that were a hole are now these, which are in use already. EFBIG, ENOSPC: no room for the map itself.
    [[nodiscard]] Result<void> insert(uint64_t block, BlockRange blocks, bool written);
    // Blocks that were allocated without being written have been written.
    [[nodiscard]] Result<void> set_written(uint64_t block, BlockRange blocks);
    // Makes a hole of file blocks [block, end).
    [[nodiscard]] Result<void> remove(uint64_t block, uint64_t end);
    // Where blocks for file block `block` would be best.
    [[nodiscard]] uint64_t goal(uint64_t block) { return ext2fs_find_inode_goal(volume.library(), number, &inode, block); }

private:
    [[nodiscard]] bool has_extents() const { return (inode.i_flags & EXT4_EXTENTS_FL) != 0; }
    [[nodiscard]] Result<FileBlocks> find_extent(uint64_t block, uint64_t most);
    [[nodiscard]] Result<FileBlocks> find_listed(uint64_t block, uint64_t most);
    [[nodiscard]] Result<void> insert_extent(uint64_t block, BlockRange blocks, bool written);
};

}  // namespace eremite::fs::ext4
