#pragma once
// The bytes of a file of an ext4 file system, between memory and device. Blocks are written before the map names them: until then they
// are free for whoever reads the volume after a crash, and nobody sees what was in them before. Whoever calls sees to it that nothing
// else changes the file's size or map meanwhile, nor reads what is taken away.
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "libos/fs/ext4/node.hpp"
#include "libos/fs/inode.hpp"
#include "libos/fs/page_cache/page_store.hpp"

namespace eremite::fs::ext4 {

class FileData {
public:
    explicit FileData(Node& node) : node_{node} {}

    // Reads the bytes from `offset`, a multiple of 4096, into the frames, zeros where there are none. Returns how many bytes of the file
    // that were. EIO, EUCLEAN.
    [[nodiscard]] Result<size_t> read(uint64_t offset, std::span<const PhysicalAddress> frames);
    // Writes the bytes in these places, with zeros behind the last up to the end of the block; no other ends within a block. The file grows if
    // it has to. After an error some of it may be there. EIO, ENOSPC.
    [[nodiscard]] Result<void> write(std::span<const PageStore::Pages> places);
    // Makes sure that these bytes can be written, as far as there is room: returns for how many. ENOSPC: for none.
    [[nodiscard]] Result<size_t> prepare(uint64_t offset, size_t length);
    [[nodiscard]] Result<void> set_size(uint64_t size);
    // Leaves the size as it is.
    [[nodiscard]] Result<void> allocate(AllocateMode mode, uint64_t offset, uint64_t length);
    // As Inode::seek_data.
    [[nodiscard]] Result<uint64_t> seek(uint64_t offset, bool hole);
    // Else its blocks are in lists, as those of ext2 and ext3. It stays like that.
    [[nodiscard]] bool has_extents() const { return (node_.inode().i_flags & EXT4_EXTENTS_FL) != 0; }
    // The longest that the file can become.
    [[nodiscard]] uint64_t longest() const;

private:
    // Blocks of the file that are written together, and what has to be done to the map for it.
    struct Run {
        size_t place;    // of those that are written
        uint64_t block;  // of the file
        FileBlocks blocks;
        bool reserved;  // they were a hole, and are withheld
    };
    class Runs;
    // Memory for the file's bytes from `offset` on.
    struct Memory {
        uint64_t offset;
        std::span<const PhysicalAddress> frames;
        PhysicalAddress last{};  // in place of the last frame, unless it is 0
        [[nodiscard]] PhysicalAddress at(uint64_t place) const {
            const uint64_t index = (place - offset) / page_size;
            return (last.value != 0 && index + 1 == frames.size() ? last : frames[index]) + (place - offset) % page_size;
        }
    };

    // What is written.
    struct Source {
        std::span<const PageStore::Pages> places;
        PhysicalAddress last{};  // in place of the very last frame, unless it is 0
        [[nodiscard]] uint64_t end(size_t place) const { return places[place].offset + places[place].length; }
        [[nodiscard]] Memory memory(size_t place) const {
            const PageStore::Pages& pages = places[place];
            return {pages.offset, pages.frames.first((pages.length + page_size - 1) / page_size), place + 1 == places.size() ? last : PhysicalAddress{}};
        }
    };

    [[nodiscard]] uint32_t block_size() const { return node_.volume().block_size(); }
    [[nodiscard]] uint64_t blocks_of(uint64_t bytes) const { return bytes / block_size() + (bytes % block_size() != 0); }
    [[nodiscard]] uint64_t stored_size() const;
    // Moves the bytes of a run. The first does not wait for all of it.
    [[nodiscard]] Result<void> start(block::Transfer& transfer, const Run& run, const Memory& memory);
    [[nodiscard]] Result<void> transfer(block::Operation operation, const Run& run, const Memory& memory);
    [[nodiscard]] Result<void> write_runs(const Runs& runs, const Source& source);
    [[nodiscard]] Result<void> write_blocks(const Source& source);
    [[nodiscard]] Result<void> try_write(const Source& source);
    // One operation that changes size or map.
    template <typename Function>
    [[nodiscard]] Result<void> change(Function&& with);
    [[nodiscard]] Result<void> grow(uint64_t size);
    [[nodiscard]] Result<void> shrink(uint64_t size);
    [[nodiscard]] Result<void> zero(uint64_t begin, uint64_t end);
    [[nodiscard]] Result<void> punch(uint64_t begin, uint64_t end);
    [[nodiscard]] Result<uint64_t> next_hole(uint64_t block, uint64_t end, uint64_t& count);
    [[nodiscard]] Result<uint64_t> reserve(uint64_t begin, uint64_t end);
    [[nodiscard]] Result<uint64_t> find_room(uint64_t begin, uint64_t end);
    // Frees what can be had by waiting, where there is no room.
    [[nodiscard]] Result<void> make_room();

    Node& node_;
};

template <typename Function>
Result<void> FileData::change(Function&& with) {
    Operation operation{node_.volume()};
    TRY(operation.begin());
    node_.change();
    TRY(with());
    TRY(node_.store());
    TRY(operation.keep());
    node_.data_changed();
    return {};
}

}  // namespace eremite::fs::ext4
