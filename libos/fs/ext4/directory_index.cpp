#include "libos/fs/ext4/directory_index.hpp"

#include <algorithm>
#include <cstring>

#include "libos/fs/ext4/errors.hpp"

namespace eremite::fs::ext4 {

namespace {

constexpr size_t header_size = 8, tail_size = 12;
constexpr size_t smallest_gap = 24;  // for names of usual length

uint32_t hash_of(std::string_view name) {
    uint32_t hash = 2166136261;  // FNV-1a
    for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619;
    return hash;
}

bool is_dot(std::string_view name) { return name == "." || name == ".."; }

DirectoryEntry* entry_at(uint8_t* block, size_t offset) { return VirtualAddress{block + offset}.as<DirectoryEntry>(); }
size_t used_by(const DirectoryEntry& entry) { return entry.inode == 0 ? 0 : DirectoryEntry::needed(entry.name_length); }

}  // namespace

const DirectoryEntry* next_entry(const uint8_t* block, size_t size, size_t& at) {
    if (at + header_size > size) return nullptr;
    const auto* const entry = VirtualAddress{block + at}.as<const DirectoryEntry>();
    if (entry->length < header_size || entry->length % 4 != 0 || entry->length > size - at) return nullptr;
    if (entry->inode != 0 && DirectoryEntry::needed(entry->name_length) > entry->length) return nullptr;
    at += entry->length;
    return entry;
}

// Behind the entries there may be a checksum, which looks like one more.
size_t DirectoryIndex::room_for_entries(FileMap map) {
    return map.volume.block_size() - (ext2fs_has_feature_metadata_csum(&map.volume.super()) ? tail_size : 0);
}

Result<void> DirectoryIndex::seal(FileMap map, Block& block) {
    return checked(ext2fs_dir_block_csum_set(map.volume.library(), map.number, block.as<ext2_dir_entry>()));
}

void DirectoryIndex::forget() {
    loaded_ = false;
    places_ = {};
    blocks_ = {};
    gaps_ = {};
}

Result<void> DirectoryIndex::load(FileMap map) {
    if (loaded_) return {};
    const uint64_t block_size = map.volume.block_size(), size = EXT2_I_SIZE(&map.inode), count = size / block_size;
    if (size % block_size != 0 || count > ext2fs_blocks_count(&map.volume.super()) || count >= former_place) return Error{EUCLEAN};
    forget();
    count_ = used_places_ = first_gap_ = 0;
    TRY(blocks_.reserve(count));
    TRY(gaps_.reserve(count));
    while (blocks_.size() < count) {
        const FileBlocks found = TRY(map.find(blocks_.size(), count - blocks_.size()));
        if (found.count == 0) return Error{EUCLEAN};
        for (uint64_t i = 0; i < found.count; ++i) {
            TRY(blocks_.push_back(found.kind == FileBlocks::Kind::Written ? found.first + i : 0));
            TRY(gaps_.push_back(0));
            if (blocks_.back() != 0) TRY(load_block(map, static_cast<uint32_t>(blocks_.size() - 1)));
        }
    }
    loaded_ = true;
    return {};
}

Result<void> DirectoryIndex::load_block(FileMap map, uint32_t index) {
    Block* const block = TRY(map.volume.cache().get(blocks_[index]));
    if (!ext2fs_dir_block_csum_verify(map.volume.library(), map.number, block->as<ext2_dir_entry>())) return Error{EUCLEAN};
    const size_t size = map.volume.block_size();
    size_t at = 0;
    while (at < size) {
        const size_t offset = at;
        const DirectoryEntry* const entry = next_entry(block->bytes(), size, at);
        if (!entry) return Error{EUCLEAN};
        if (entry->inode == 0) continue;
        if (entry->inode > map.volume.super().s_inodes_count || entry->name_length == 0) return Error{EUCLEAN};
        if (is_dot(entry->text())) continue;
        if (entry->text().find('/') != std::string_view::npos || entry->text().find('\0') != std::string_view::npos) return Error{EUCLEAN};
        TRY(note(hash_of(entry->text()), index, offset));
        ++count_;
    }
    measure(map, index, block->bytes());
    return {};
}

void DirectoryIndex::measure(FileMap map, uint32_t index, const uint8_t* bytes) {
    size_t longest = 0, at = 0;
    while (const DirectoryEntry* const entry = next_entry(bytes, room_for_entries(map), at)) longest = std::max(longest, entry->length - used_by(*entry));
    gaps_[index] = static_cast<uint16_t>(longest);
    if (longest >= smallest_gap) first_gap_ = std::min<size_t>(first_gap_, index);
}

Result<Block*> DirectoryIndex::block_at(FileMap map, size_t index) {
    if (blocks_[index] == 0) return Error{EUCLEAN};
    return map.volume.cache().get(blocks_[index]);
}

Result<void> DirectoryIndex::copy(FileMap map, size_t index, uint8_t* bytes) {
    Block* const block = TRY(block_at(map, index));
    std::memcpy(bytes, block->bytes(), map.volume.block_size());
    return {};
}

Result<void> DirectoryIndex::grow() {
    Vector<Place> old = std::move(places_);
    places_ = {};
    if (const auto grown = places_.resize(std::max<size_t>(64, 4 * count_)); !grown.ok()) {
        places_ = std::move(old);
        return grown;
    }
    for (Place& place : places_) place.block = free_place;
    used_places_ = 0;
    for (const Place& place : old)
        if (place.block < former_place) TRY(note(place.hash, place.block, place.offset));
    return {};
}

Result<void> DirectoryIndex::note(uint32_t hash, uint32_t block, size_t offset) {
    if (places_.empty() || used_places_ + 1 > places_.size() / 4 * 3) TRY(grow());
    size_t at = hash % places_.size();
    while (places_[at].block < former_place) at = at + 1 == places_.size() ? 0 : at + 1;
    if (places_[at].block == free_place) ++used_places_;
    places_[at] = {hash, block, static_cast<uint16_t>(offset)};
    return {};
}

Result<DirectoryIndex::Position> DirectoryIndex::seek(FileMap map, std::string_view name) {
    TRY(load(map));
    if (places_.empty()) return Error{ENOENT};
    const uint32_t hash = hash_of(name);
    for (size_t at = hash % places_.size(); places_[at].block != free_place; at = at + 1 == places_.size() ? 0 : at + 1) {
        Place& place = places_[at];
        if (place.block == former_place || place.hash != hash) continue;
        Block* const block = TRY(block_at(map, place.block));
        DirectoryEntry* const entry = entry_at(block->bytes(), place.offset);
        if (entry->text() == name) return Position{&place, block, entry};
    }
    return Error{ENOENT};
}

Result<DirectoryIndex::Found> DirectoryIndex::find(FileMap map, std::string_view name) {
    const Position position = TRY(seek(map, name));
    return Found{position.entry->inode, position.entry->type};
}

Result<void> DirectoryIndex::add(FileMap map, std::string_view name, ext2_ino_t inode, uint8_t type) {
    TRY(load(map));
    if ((map.inode.i_flags & EXT2_INDEX_FL) != 0) TRY(drop_tree(map));
    const size_t needed = DirectoryEntry::needed(name.size());
    size_t index = first_gap_;
    while (index < gaps_.size() && gaps_[index] < needed) ++index;
    if (needed <= smallest_gap) first_gap_ = index;
    if (index == gaps_.size()) TRY(append_block(map));
    Block* const block = TRY(block_at(map, index));
    TRY(map.volume.cache().change(*block));
    const size_t size = room_for_entries(map);
    for (size_t at = 0, offset = 0; next_entry(block->bytes(), size, at); offset = at) {
        DirectoryEntry* entry = entry_at(block->bytes(), offset);
        const size_t used = used_by(*entry);
        if (entry->length - used < needed) continue;
        const auto rest = static_cast<uint16_t>(entry->length - used);
        if (used != 0) {
            entry->length = static_cast<uint16_t>(used);
            entry = entry_at(block->bytes(), offset += used);
            entry->length = rest;
        }
        entry->inode = inode;
        entry->name_length = static_cast<uint8_t>(name.size());
        entry->type = type;
        name.copy(entry->name, name.size());
        measure(map, static_cast<uint32_t>(index), block->bytes());
        TRY(note(hash_of(name), static_cast<uint32_t>(index), offset));
        ++count_;
        return seal(map, *block);
    }
    return Error{EUCLEAN};
}

Result<void> DirectoryIndex::remove(FileMap map, std::string_view name) {
    const Position position = TRY(seek(map, name));
    TRY(map.volume.cache().change(*position.block));
    uint8_t* const bytes = position.block->bytes();
    DirectoryEntry* before = nullptr;
    for (size_t at = 0, offset = 0; offset != position.place->offset; offset = at) {
        if (!next_entry(bytes, map.volume.block_size(), at)) return Error{EUCLEAN};
        before = entry_at(bytes, offset);
    }
    if (before) before->length = static_cast<uint16_t>(before->length + position.entry->length);
    position.entry->inode = 0;
    const uint32_t index = position.place->block;
    position.place->block = former_place;
    --count_;
    measure(map, index, bytes);
    return seal(map, *position.block);
}

Result<void> DirectoryIndex::replace(FileMap map, std::string_view name, ext2_ino_t inode, uint8_t type) {
    if (name == "..") {
        // Behind "." in the first block, with a hash tree too.
        TRY(load(map));
        if (blocks_.empty()) return Error{EUCLEAN};
        Block* const block = TRY(block_at(map, 0));
        size_t at = 0;
        if (!next_entry(block->bytes(), map.volume.block_size(), at)) return Error{EUCLEAN};
        DirectoryEntry* const entry = entry_at(block->bytes(), at);
        if (!next_entry(block->bytes(), map.volume.block_size(), at) || entry->text() != "..") return Error{EUCLEAN};
        TRY(map.volume.cache().change(*block));
        entry->inode = inode;
        return seal(map, *block);
    }
    const Position position = TRY(seek(map, name));
    TRY(map.volume.cache().change(*position.block));
    position.entry->inode = inode;
    position.entry->type = type;
    return seal(map, *position.block);
}

// One entry without a name has all the room.
Result<void> DirectoryIndex::append_block(FileMap map) {
    const uint64_t index = blocks_.size();
    const BlockRange found = TRY(map.volume.find_free(map.goal(index), 1, Volume::Use::Ordinary));
    map.volume.use(found);
    TRY(map.insert(index, found, true));
    Block* const block = TRY(map.volume.cache().get_blank(found.first));
    const size_t size = room_for_entries(map);
    entry_at(block->bytes(), 0)->length = static_cast<uint16_t>(size);
    if (size != map.volume.block_size()) ext2fs_initialize_dirent_tail(map.volume.library(), block->as<ext2_dir_entry_tail>(size));
    TRY(blocks_.push_back(found.first));
    TRY(gaps_.push_back(static_cast<uint16_t>(size)));
    TRY(checked(ext2fs_inode_size_set(map.volume.library(), &map.inode, static_cast<ext2_off64_t>(blocks_.size() * map.volume.block_size()))));
    return seal(map, *block);
}

Result<void> DirectoryIndex::create(FileMap map, ext2_ino_t parent) {
    TRY(append_block(map));
    loaded_ = true;
    Block* const block = TRY(block_at(map, 0));
    const size_t size = room_for_entries(map), first = DirectoryEntry::needed(1);
    DirectoryEntry* const self = entry_at(block->bytes(), 0);
    *VirtualAddress{self}.as<ext2_dir_entry_2>() = {map.number, static_cast<uint16_t>(first), 1, EXT2_FT_DIR, "."};
    DirectoryEntry* const up = entry_at(block->bytes(), first);
    up->inode = parent;
    up->length = static_cast<uint16_t>(size - first);
    up->name_length = 2;
    up->type = EXT2_FT_DIR;
    up->name[0] = up->name[1] = '.';
    measure(map, 0, block->bytes());
    return seal(map, *block);
}

// Blocks of the tree look like blocks with one entry that has no name; without the tree they must have a checksum of their own.
Result<void> DirectoryIndex::drop_tree(FileMap map) {
    map.inode.i_flags &= ~static_cast<uint32_t>(EXT2_INDEX_FL);
    const size_t size = room_for_entries(map), whole = map.volume.block_size();
    for (size_t i = 0; i < blocks_.size(); ++i) {
        if (blocks_[i] == 0) continue;
        Block* const block = TRY(block_at(map, i));
        // Where "." and ".." are, the second has the rest of the block.
        size_t last = 0, at = 0;
        if (i == 0) {
            if (!next_entry(block->bytes(), whole, at)) return Error{EUCLEAN};
            last = at;
        }
        DirectoryEntry* const entry = entry_at(block->bytes(), last);
        if (last + entry->length != whole || (i != 0 && entry->inode != 0)) continue;
        TRY(map.volume.cache().change(*block));
        entry->length = static_cast<uint16_t>(size - last);
        if (size != whole) ext2fs_initialize_dirent_tail(map.volume.library(), block->as<ext2_dir_entry_tail>(size));
        measure(map, static_cast<uint32_t>(i), block->bytes());
        TRY(seal(map, *block));
    }
    return {};
}

}  // namespace eremite::fs::ext4
