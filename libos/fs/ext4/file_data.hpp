#pragma once
// The bytes of a file of an ext4 file system, between memory and device. Blocks are written before the map names them: until then they
// are free for whoever reads the volume after a crash, and nobody sees what was in them before.
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "libos/fs/ext4/node.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs::ext4 {

class FileData {
public:
    explicit FileData(Node& node) : node_{node} {}

    // Reads the bytes from `offset`, a multiple of 4096, into the frames, zeros where there are none. Returns how many bytes of the file
    // that were. EIO, EUCLEAN.
    [[nodiscard]] Result<size_t> read(uint64_t offset, std::span<const PhysicalAddress> frames);
    // Writes `length` bytes; what the last frame holds behind them is zeros. The file grows if it has to. EIO, ENOSPC.
    [[nodiscard]] Result<void> write(uint64_t offset, std::span<const PhysicalAddress> frames, size_t length);
    [[nodiscard]] Result<void> set_size(uint64_t size);
    [[nodiscard]] Result<void> allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size);
    // As Inode::seek_data.
    [[nodiscard]] Result<uint64_t> seek(uint64_t offset, bool hole);

private:
    // Blocks of the file that are written together, and what has to be done to the map for it.
    struct Run {
        uint64_t block;  // of the file
        FileBlocks blocks;
        bool reserved;  // they were a hole, and are withheld
    };
    class Runs;

    [[nodiscard]] uint32_t block_size() const { return node_.volume().block_size(); }
    [[nodiscard]] Result<void> transfer(bool write, const Run& run, uint64_t offset, std::span<const PhysicalAddress> frames);
    [[nodiscard]] Result<void> try_write(uint64_t offset, std::span<const PhysicalAddress> frames, size_t length);
    [[nodiscard]] Result<void> grow(uint64_t size);
    [[nodiscard]] Result<void> shrink(uint64_t size);
    [[nodiscard]] Result<void> zero(uint64_t begin, uint64_t end);
    [[nodiscard]] Result<void> punch(uint64_t begin, uint64_t end);
    [[nodiscard]] Result<void> reserve(uint64_t begin, uint64_t end, uint64_t size);
    // Frees what can be had by waiting, where there is no room.
    [[nodiscard]] Result<void> make_room();

    Node& node_;
};

}  // namespace eremite::fs::ext4
