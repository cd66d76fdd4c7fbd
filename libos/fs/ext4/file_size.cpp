// The size of a file, and which of its bytes have blocks.
#include <algorithm>
#include <cstring>

#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/ext4/file_data.hpp"

namespace eremite::fs::ext4 {

namespace {

// The most of it that one operation changes.
constexpr uint64_t most_blocks_at_once = 1 << 15;

}  // namespace

// Block numbers of a file have 32 bits; of one without extents, three levels of lists lead to its blocks, and i_blocks counts sectors in 32.
uint64_t FileData::longest() const {
    if (has_extents()) return (uint64_t{UINT32_MAX} - 1) * block_size();
    const uint64_t entries = block_size() / sizeof(uint32_t);
    const uint64_t blocks = EXT2_NDIR_BLOCKS + entries + entries * entries + entries * entries * entries;
    constexpr uint64_t most_sectors = UINT32_MAX;
    // What the lists themselves take counts too.
    return std::min(blocks * block_size(), most_sectors / 128 * 127 * block::sector_size);
}

Result<void> FileData::set_size(uint64_t size) {
    if (size > longest()) return Error{EFBIG};
    const uint64_t old = stored_size();
    if (size < old) {
        // If the file grows again, zeros are behind the end.
        TRY(zero(size, std::min(old, align_up(size, block_size()))));
        return shrink(size);
    }
    return change([&] {
        node_.touch(Node::Modification | Node::Change);
        return grow(size);
    });
}

// From the end, so that what is left is a file at any time.
Result<void> FileData::shrink(uint64_t size) {
    for (bool done = false, first = true; !done; first = false) {
        TRY(change([&]() -> Result<void> {
            const uint64_t now = EXT2_I_SIZE(&node_.inode()), keep = blocks_of(size), end = blocks_of(now);
            const uint64_t begin = end > keep + most_blocks_at_once ? end - most_blocks_at_once : keep;
            done = begin == keep;
            TRY(grow(done ? size : begin * block_size()));
            node_.touch(Node::Modification | Node::Change);
            // Blocks may have been allocated beyond the end.
            return node_.map().remove(begin, first ? UINT64_MAX : end);
        }));
    }
    return {};
}

// Writes zeros over a part of a block that has data. Nothing to do in a hole.
Result<void> FileData::zero(uint64_t begin, uint64_t end) {
    if (begin >= end) return {};
    Run run{0, begin / block_size(), {}, false};
    {
        const sched::MutexGuard guard{node_.volume().mutex()};
        run.blocks = TRY(node_.map().find(run.block, 1));
    }
    if (run.blocks.kind != FileBlocks::Kind::Written) return {};
    const Volume::SparePage spare{node_.volume()};
    const PhysicalAddress page = spare.address();
    const Memory memory{align_down(begin, page_size), {&page, 1}};
    TRY(transfer(block::Operation::Read, run, memory));
    std::memset(direct_map(memory.at(begin)).as<void>(), 0, end - begin);
    return transfer(block::Operation::Write, run, memory);
}

Result<void> FileData::punch(uint64_t begin, uint64_t end) {
    const uint64_t first = align_up(begin, block_size()), last = align_down(end, block_size());
    if (first > last) return zero(begin, end);
    TRY(zero(begin, first));
    TRY(zero(last, end));
    for (uint64_t block = first / block_size(), stop = last / block_size(); block < stop;) {
        const uint64_t next = std::min(stop, block + most_blocks_at_once);
        TRY(change([&] { return node_.map().remove(block, next); }));
        block = next;
    }
    return {};
}

// The first block without a place in [block, end), and of how many like that; `end` if there is none.
Result<uint64_t> FileData::next_hole(uint64_t block, uint64_t end, uint64_t& count) {
    const sched::MutexGuard guard{node_.volume().mutex()};
    while (block < end) {
        const FileBlocks found = TRY(node_.map().find(block, std::min(end - block, most_blocks_at_once)));
        if (found.count == 0) return Error{EUCLEAN};
        count = found.count;
        if (found.kind == FileBlocks::Kind::Hole) return block;
        block += found.count;
    }
    return end;
}

// Places for blocks [begin, end), which read as zeros. Returns the first block that got none, for want of room. ENOSPC: that is `begin`.
Result<uint64_t> FileData::reserve(uint64_t begin, uint64_t end) {
    for (uint64_t block = begin;;) {
        uint64_t count = 0;
        block = TRY(next_hole(block, end, count));
        if (block == end) return end;
        const auto reserved = change([&]() -> Result<void> {
            const BlockRange range = TRY(node_.volume().find_free(node_.map().goal(block), count, Volume::Use::Ordinary));
            node_.volume().use(range);
            TRY(node_.map().insert(block, range, false));
            count = range.count;
            return {};
        });
        if (reserved.code() == ENOSPC && block > begin) return block;
        TRY(reserved);
        block += count;
    }
}

Result<size_t> FileData::prepare(uint64_t offset, size_t length) {
    const uint64_t begin = offset / block_size(), end = blocks_of(offset + length);
    const auto bytes_before = [&](uint64_t block) -> size_t { return std::min<uint64_t>(length, block * block_size() - offset); };
    const auto find = [&] { return has_extents() ? reserve(begin, end) : find_room(begin, end); };
    const auto found = find();
    if (found.ok()) return bytes_before(found.value());
    if (found.code() != ENOSPC) return found.error();
    TRY(make_room());
    return bytes_before(TRY(find()));
}

// For files whose lists cannot tell what was never written: only looks whether there are blocks for [begin, end). Results as of reserve().
Result<uint64_t> FileData::find_room(uint64_t begin, uint64_t end) {
    uint64_t room;
    {
        const sched::MutexGuard guard{node_.volume().mutex()};
        room = node_.volume().ordinary_blocks();
    }
    for (uint64_t block = begin;;) {
        uint64_t count = 0;
        block = TRY(next_hole(block, end, count));
        if (block == end) return end;
        const uint64_t taken = std::min(room, count);
        room -= taken;
        block += taken;
        if (taken == count) continue;
        if (block == begin) return Error{ENOSPC};
        return block;
    }
}

Result<void> FileData::allocate(AllocateMode mode, uint64_t offset, uint64_t length) {
    if (length > longest() || offset > longest() - length) return Error{EFBIG};
    if (mode != AllocateMode::PunchHole && !has_extents()) return Error{EOPNOTSUPP};
    if (mode != AllocateMode::Allocate) TRY(punch(offset, offset + length));
    if (mode != AllocateMode::PunchHole && TRY(prepare(offset, length)) < length) return Error{ENOSPC};
    return change([&]() -> Result<void> {
        node_.touch(Node::Modification | Node::Change);
        return {};
    });
}

Result<uint64_t> FileData::seek(uint64_t offset, bool hole) {
    const sched::MutexGuard guard{node_.volume().mutex()};
    const uint64_t size = EXT2_I_SIZE(&node_.inode());
    if (offset >= size) return Error{ENXIO};
    const uint64_t end = blocks_of(size);
    for (uint64_t block = offset / block_size(); block < end;) {
        const FileBlocks found = TRY(node_.map().find(block, end - block));
        if (found.count == 0) return Error{EUCLEAN};
        if ((found.kind != FileBlocks::Kind::Written) == hole) return std::max(offset, block * block_size());
        block += found.count;
    }
    return hole ? Result<uint64_t>{size} : Result<uint64_t>{Error{ENXIO}};
}

}  // namespace eremite::fs::ext4
