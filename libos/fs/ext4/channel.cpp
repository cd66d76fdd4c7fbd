#include "libos/fs/ext4/channel.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/format.hpp"
#include "libos/fs/ext4/errors.hpp"

namespace eremite::fs::ext4 {

namespace {

// The library knows a device by its name, ours by its address.
constexpr size_t name_length = 2 * sizeof(uint64_t);

BlockCache* cache_of(const char* name) {
    uint64_t address = 0;
    for (size_t i = 0; i < name_length; ++i) address = address << 4 | static_cast<uint64_t>(name[i] - 'a');
    return VirtualAddress{address}.as<BlockCache>();
}

BlockCache& cache_of(io_channel channel) { return *static_cast<BlockCache*>(channel->private_data); }

// Calls `with(block, offset in it, length, how many bytes came before)` for each block that bytes [start, start + size) lie in.
template <typename Function>
Result<void> for_each_block(BlockCache& cache, uint64_t start, size_t size, Function&& with) {
    for (size_t done = 0; done < size;) {
        const uint64_t at = start + done;
        const size_t offset = at % cache.block_size(), length = std::min<size_t>(size - done, cache.block_size() - offset);
        TRY(with(at / cache.block_size(), offset, length, done));
        done += length;
    }
    return {};
}

// As the library counts: blocks, or bytes if negative.
size_t bytes_of(io_channel channel, int count) {
    return count < 0 ? static_cast<size_t>(-static_cast<int64_t>(count)) : static_cast<size_t>(count) * static_cast<size_t>(channel->block_size);
}

uint64_t start_of(io_channel channel, uint64_t block) { return block * static_cast<uint64_t>(channel->block_size); }

errcode_t open_channel(const char* name, int flags, io_channel* result);

errcode_t close_channel(io_channel channel) {
    if (--channel->refcount > 0) return 0;
    delete channel;
    return 0;
}

errcode_t set_block_size(io_channel channel, int size) {
    channel->block_size = size;
    return 0;
}

errcode_t read_blocks(io_channel channel, unsigned long long block, int count, void* data) {
    BlockCache& cache = cache_of(channel);
    return code_of(for_each_block(cache, start_of(channel, block), bytes_of(channel, count), [&](uint64_t number, size_t offset, size_t length, size_t done) -> Result<void> {
        Block* const found = TRY(cache.get(number));
        std::memcpy(static_cast<uint8_t*>(data) + done, found->bytes() + offset, length);
        return {};
    }));
}

errcode_t write_bytes(BlockCache& cache, uint64_t start, size_t size, const void* data) {
    return code_of(for_each_block(cache, start, size, [&](uint64_t number, size_t offset, size_t length, size_t done) {
        return cache.write(number, offset, {static_cast<const uint8_t*>(data) + done, length});
    }));
}

errcode_t write_blocks(io_channel channel, unsigned long long block, int count, const void* data) {
    return write_bytes(cache_of(channel), start_of(channel, block), bytes_of(channel, count), data);
}

errcode_t read_few_blocks(io_channel channel, unsigned long block, int count, void* data) { return read_blocks(channel, block, count, data); }
errcode_t write_few_blocks(io_channel channel, unsigned long block, int count, const void* data) { return write_blocks(channel, block, count, data); }

errcode_t write_at(io_channel channel, unsigned long offset, int size, const void* data) {
    return write_bytes(cache_of(channel), offset, static_cast<size_t>(size), data);
}

errcode_t write_zeros(io_channel channel, unsigned long long block, unsigned long long count) {
    BlockCache& cache = cache_of(channel);
    return code_of(for_each_block(cache, start_of(channel, block), count * static_cast<uint64_t>(channel->block_size), [&](uint64_t number, size_t, size_t, size_t) -> Result<void> {
        TRY(cache.get_blank(number));
        return {};
    }));
}

// A commit decides when anything is written.
errcode_t flush(io_channel) { return 0; }

constinit struct_io_manager manager{
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "block cache",
    .open = open_channel,
    .close = close_channel,
    .set_blksize = set_block_size,
    .read_blk = read_few_blocks,
    .write_blk = write_few_blocks,
    .flush = flush,
    .write_byte = write_at,
    .set_option = nullptr,
    .get_stats = nullptr,
    .read_blk64 = read_blocks,
    .write_blk64 = write_blocks,
    .discard = nullptr,
    .cache_readahead = nullptr,
    .zeroout = write_zeros,
    .reserved = {},
};

errcode_t open_channel(const char* name, int, io_channel* result) {
    auto* const channel = new (std::nothrow) struct_io_channel{};
    if (!channel) return ENOMEM;
    BlockCache* const cache = cache_of(name);
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &manager;
    channel->name = const_cast<char*>("volume");
    channel->block_size = static_cast<int>(cache->block_size());
    channel->refcount = 1;
    channel->private_data = cache;
    *result = channel;
    return 0;
}

}  // namespace

Result<ext2_filsys> open_library(BlockCache& cache, int flags) {
    char name[name_length + 1] = {};
    const uint64_t address = VirtualAddress{&cache}.value;
    for (size_t i = 0; i < name_length; ++i) name[i] = static_cast<char>('a' + (address >> (60 - 4 * i) & 15));
    ext2_filsys fs = nullptr;
    TRY(checked(ext2fs_open2(name, nullptr, flags | EXT2_FLAG_64BITS, 0, 0, &manager, &fs)));
    fs->default_bitmap_type = EXT2FS_BMAP64_BITARRAY;
    return fs;
}

}  // namespace eremite::fs::ext4
