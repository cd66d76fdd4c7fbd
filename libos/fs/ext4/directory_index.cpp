#include "libos/fs/ext4/directory_index.hpp"

#include <algorithm>
#include <cstring>

#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/name_hash.hpp"

namespace eremite::fs::ext4 {

namespace {

constexpr size_t header_size = 8, tail_size = 12;
constexpr size_t smallest_gap = 24;  // for names of usual length

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
            TRY(gaps_.push_back({}));
            if (blocks_.back() != 0) TRY(load_block(map, static_cast<uint32_t>(blocks_.size() - 1)));
        }
    }
    loaded_ = true;
    return {};
}

Result<void> DirectoryIndex::load_block(FileMap map, uint32_t index) {
    Block* const block = TRY(map.volume.cache().get(blocks_[index]));
    if (BlockCache::is_sealed(*block) && !ext2fs_dir_block_csum_verify(map.volume.library(), map.number, block->as<ext2_dir_entry>()))
        return Error{EUCLEAN};
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
        TRY(note(hash_name(entry->text()), index, offset));
        ++count_;
    }
    measure(map, index, block->bytes());
    return {};
}

void DirectoryIndex::note_gap(size_t index, size_t length, size_t offset) {
    if (length <= gaps_[index].longest) return;
    gaps_[index] = {static_cast<uint16_t>(length), static_cast<uint16_t>(offset)};
    if (length >= smallest_gap) first_gap_ = std::min(first_gap_, index);
}

void DirectoryIndex::measure(FileMap map, uint32_t index, const uint8_t* bytes) {
    const size_t size = room_for_entries(map);
    gaps_[index] = {};
    for (size_t at = 0, offset = 0; const DirectoryEntry* const entry = next_entry(bytes, size, at); offset = at)
        note_gap(index, entry->length - used_by(*entry), offset);
}

std::optional<size_t> DirectoryIndex::find_gap(FileMap map, size_t index, const uint8_t* bytes, size_t needed) {
    const size_t size = room_for_entries(map);
    // What was taken from last has often room for another one.
    size_t at = gaps_[index].offset;
    const DirectoryEntry* entry = next_entry(bytes, size, at);
    if (entry && entry->length - used_by(*entry) >= needed) return gaps_[index].offset;
    measure(map, static_cast<uint32_t>(index), bytes);
    if (gaps_[index].longest >= needed) return gaps_[index].offset;
    return std::nullopt;
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
    const uint32_t hash = hash_name(name);
    for (size_t at = hash % places_.size(); places_[at].block != free_place; at = at + 1 == places_.size() ? 0 : at + 1) {
        Place& place = places_[at];
        if (place.block == former_place || place.hash != hash) continue;
        Block* const block = TRY(block_at(map, place.block));
        DirectoryEntry* const entry = entry_at(block->bytes(), place.offset);
        if (entry->name_length == name.size() && same_name(entry->name, name.data(), name.size())) return Position{&place, block, entry};
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
    Block* block = nullptr;
    std::optional<size_t> found;
    for (; !found; index += found ? 0 : 1) {
        while (index < gaps_.size() && gaps_[index].longest < needed) ++index;
        if (index == gaps_.size()) TRY(append_block(map));
        block = TRY(block_at(map, index));
        found = find_gap(map, index, block->bytes(), needed);
    }
    if (needed <= smallest_gap) first_gap_ = index;
    size_t offset = *found;
    DirectoryEntry* entry = entry_at(block->bytes(), offset);
    const size_t used = used_by(*entry);
    TRY(map.volume.cache().change(*block, offset, used + needed));
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
    gaps_[index].offset = static_cast<uint16_t>(offset);
    TRY(note(hash_name(name), static_cast<uint32_t>(index), offset));
    ++count_;
    unseal(map, *block);
    return {};
}

Result<void> DirectoryIndex::remove(FileMap map, std::string_view name) {
    const Position position = TRY(seek(map, name));
    uint8_t* const bytes = position.block->bytes();
    const size_t offset = position.place->offset;
    DirectoryEntry* before = nullptr;
    size_t start = offset;
    for (size_t at = 0, next = 0; next != offset; next = at) {
        if (!next_entry(bytes, map.volume.block_size(), at)) return Error{EUCLEAN};
        before = entry_at(bytes, start = next);
    }
    TRY(map.volume.cache().change(*position.block, start, header_size));
    TRY(map.volume.cache().change(*position.block, offset, header_size));
    if (before) before->length = static_cast<uint16_t>(before->length + position.entry->length);
    position.entry->inode = 0;
    const uint32_t index = position.place->block;
    position.place->block = former_place;
    --count_;
    // That is no entry any more.
    if (gaps_[index].offset == offset) gaps_[index].offset = static_cast<uint16_t>(start);
    const DirectoryEntry& free = before ? *before : *position.entry;
    note_gap(index, std::min<size_t>(free.length, room_for_entries(map) - start) - used_by(free), start);
    unseal(map, *position.block);
    return {};
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
        TRY(map.volume.cache().change(*block, at - entry->length, header_size));
        entry->inode = inode;
        unseal(map, *block);
        return {};
    }
    const Position position = TRY(seek(map, name));
    TRY(map.volume.cache().change(*position.block, position.place->offset, header_size));
    position.entry->inode = inode;
    position.entry->type = type;
    unseal(map, *position.block);
    return {};
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
    TRY(gaps_.push_back({static_cast<uint16_t>(size), 0}));
    TRY(checked(ext2fs_inode_size_set(map.volume.library(), &map.inode, static_cast<ext2_off64_t>(blocks_.size() * map.volume.block_size()))));
    unseal(map, *block);
    return {};
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
    unseal(map, *block);
    return {};
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
        unseal(map, *block);
    }
    return {};
}

}  // namespace eremite::fs::ext4
