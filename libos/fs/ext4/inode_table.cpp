// Inodes where they stand, in blocks of the cache: the library, which is for those that are changed seldom, copies whole blocks.
#include <algorithm>
#include <cstring>

#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/ext4/volume.hpp"

namespace eremite::fs::ext4 {

Result<Volume::InodePlace> Volume::inode_place(ext2_ino_t number) {
    if (number == 0 || number > super().s_inodes_count) return Error{EUCLEAN};
    const uint32_t group = (number - 1) / super().s_inodes_per_group, index = (number - 1) % super().s_inodes_per_group;
    const uint64_t table = ext2fs_inode_table_loc(library_, group), at = uint64_t{index} * EXT2_INODE_SIZE(&super());
    if (table < super().s_first_data_block || table == 0) return Error{EUCLEAN};
    return InodePlace{TRY(cache_->get(table + at / block_size_)), static_cast<size_t>(at % block_size_)};
}

Result<void> Volume::read_inode(ext2_ino_t number, std::span<uint8_t> bytes, bool verify) {
    const InodePlace place = TRY(inode_place(number));
    if (verify && !ext2fs_inode_csum_verify(library_, number, place.block->as<ext2_inode_large>(place.offset))) return Error{EUCLEAN};
    const size_t size = std::min<size_t>(bytes.size(), EXT2_INODE_SIZE(&super()));
    std::memcpy(bytes.data(), place.block->bytes() + place.offset, size);
    std::fill(bytes.begin() + static_cast<ptrdiff_t>(size), bytes.end(), uint8_t{0});
    return {};
}

Result<void> Volume::write_inode(ext2_ino_t number, std::span<uint8_t> bytes, bool fresh) {
    const InodePlace place = TRY(inode_place(number));
    const size_t whole = EXT2_INODE_SIZE(&super()), size = std::min(bytes.size(), whole);
    uint8_t* const at = place.block->bytes() + place.offset;
    if (!fresh && std::memcmp(at, bytes.data(), size) == 0) return {};
    // Where the checksum is depends on the size, but it lies in front of what programs use.
    TRY(cache_->change(*place.block, place.offset, fresh ? whole : std::max<size_t>(size, std::min(whole, sizeof(ext2_inode_large)))));
    std::memcpy(at, bytes.data(), size);
    if (fresh) std::memset(at + size, 0, whole - size);
    TRY(checked(ext2fs_inode_csum_set(library_, number, place.block->as<ext2_inode_large>(place.offset))));
    std::memcpy(bytes.data(), at, size);
    // The library keeps inodes and their blocks, too.
    return checked(ext2fs_flush_icache(library_));
}

}  // namespace eremite::fs::ext4
