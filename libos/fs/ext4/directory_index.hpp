#pragma once
// A directory's entries: in its blocks on the volume, and in memory where each name stands, so that finding one does not read them all.
// Directories with a hash tree are read as lists, as the format allows, and lose the tree when a name is added. All of it requires the
// volume's lock; what changes anything requires a running operation.
#include <cstdint>
#include <optional>
#include <string_view>

#include "libos/fs/ext4/mapping.hpp"

namespace eremite::fs::ext4 {

// linux/ext4 layout: ext4_dir_entry_2.
struct DirectoryEntry {
    uint32_t inode;
    uint16_t length;  // of the entry, up to the next one
    uint8_t name_length;
    uint8_t type;
    char name[255];
    [[nodiscard]] std::string_view text() const { return {name, name_length}; }
    [[nodiscard]] static constexpr size_t needed(size_t name_length) { return (8 + name_length + 3) & ~size_t{3}; }
};

// Entries of a block, however damaged it is. Returns null at the end; `at` is the offset of the next one.
[[nodiscard]] const DirectoryEntry* next_entry(const uint8_t* block, size_t size, size_t& at);

class DirectoryIndex {
public:
    // Reads the directory unless that is done. EUCLEAN: it is damaged; EIO, ENOMEM.
    [[nodiscard]] Result<void> load(FileMap map);
    // What is in memory may be wrong: it is read again.
    void forget();

    struct Found {
        ext2_ino_t inode;
        uint8_t type;
    };
    // ENOENT.
    [[nodiscard]] Result<Found> find(FileMap map, std::string_view name);
    // Requires: the name is not there. ENOSPC.
    [[nodiscard]] Result<void> add(FileMap map, std::string_view name, ext2_ino_t inode, uint8_t type);
    [[nodiscard]] Result<void> remove(FileMap map, std::string_view name);
    // The name leads to another inode.
    [[nodiscard]] Result<void> replace(FileMap map, std::string_view name, ext2_ino_t inode, uint8_t type);
    // The first block of a new directory.
    [[nodiscard]] Result<void> create(FileMap map, ext2_ino_t parent);
    // Entries beside "." and "..".
    [[nodiscard]] size_t count() const { return count_; }
    [[nodiscard]] size_t block_count() const { return blocks_.size(); }
    [[nodiscard]] bool is_hole(size_t index) const { return blocks_[index] == 0; }
    // A copy of a block, which is no hole.
    [[nodiscard]] Result<void> copy(FileMap map, size_t index, uint8_t* bytes);

private:
    // Where a name is. Open addressing: the first of a name's places that is free ends the search.
    struct Place {
        uint32_t hash;
        uint32_t block;   // of the directory; `free_place` or `former_place`
        uint16_t offset;
    };
    static constexpr uint32_t free_place = UINT32_MAX, former_place = UINT32_MAX - 1;

    struct Position {
        Place* place;
        Block* block;
        DirectoryEntry* entry;
    };
    [[nodiscard]] Result<void> load_block(FileMap map, uint32_t index);
    [[nodiscard]] Result<Position> seek(FileMap map, std::string_view name);
    [[nodiscard]] Result<Block*> block_at(FileMap map, size_t index);
    [[nodiscard]] Result<void> note(uint32_t hash, uint32_t block, size_t offset);
    [[nodiscard]] Result<void> grow();
    [[nodiscard]] Result<void> append_block(FileMap map);
    [[nodiscard]] Result<void> drop_tree(FileMap map);
    [[nodiscard]] static size_t room_for_entries(FileMap map);
    static void unseal(FileMap map, Block& block) {
        if (ext2fs_has_feature_metadata_csum(&map.volume.super())) BlockCache::unseal(block, map.number);
    }
    void measure(FileMap map, uint32_t index, const uint8_t* bytes);
    void note_gap(size_t index, size_t length, size_t offset);
    // The entry in whose place, or behind which, an entry of so many bytes fits; nothing: none does, and the gap is known now.
    [[nodiscard]] std::optional<size_t> find_gap(FileMap map, size_t index, const uint8_t* bytes, size_t needed);

    bool loaded_ = false;
    size_t count_ = 0, used_places_ = 0;
    Vector<Place> places_;
    Vector<uint64_t> blocks_;  // of the volume; 0: a hole
    // The longest entry that a block has room for, or more than that; and an entry where there was room.
    struct Gap {
        uint16_t longest = 0, offset = 0;
    };
    Vector<Gap> gaps_;
    size_t first_gap_ = 0;     // blocks before have no room to speak of
};

}  // namespace eremite::fs::ext4
