#include "libos/fs/ext4/file_data.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "libos/fs/ext4/errors.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ext4 {

namespace {

// The most of it that one operation changes.
constexpr uint64_t most_blocks_at_once = 1 << 15;
constexpr size_t most_runs = 16, most_segments = 32;

uint64_t blocks_of(uint64_t bytes, uint64_t block_size) { return (bytes + block_size - 1) / block_size; }

}  // namespace

// Moves the bytes of a run. `offset`: where in the file the frames begin.
Result<void> FileData::transfer(bool write, const Run& run, uint64_t offset, std::span<const PhysicalAddress> frames) {
    block::Device& device = node_.volume().device();
    std::array<block::Segment, most_segments> segments;
    uint64_t at = run.block * block_size(), sector = run.blocks.first * (block_size() / block::sector_size);
    const uint64_t end = at + run.blocks.count * block_size();
    while (at < end) {
        size_t count = 0;
        uint64_t bytes = 0;
        for (; count < segments.size() && at < end; ++count) {
            const uint64_t place = at - offset;
            const auto piece = static_cast<uint32_t>(std::min(end - at, page_size - place % page_size));
            segments[count] = {frames[place / page_size] + place % page_size, piece};
            at += piece;
            bytes += piece;
        }
        const std::span<const block::Segment> list = std::span{segments}.first(count);
        TRY(write ? device.write(sector, list) : device.read(sector, list));
        sector += bytes / block::sector_size;
    }
    return {};
}

Result<size_t> FileData::read(uint64_t offset, std::span<const PhysicalAddress> frames) {
    uint64_t size;
    {
        const sched::MutexGuard guard{node_.volume().mutex()};
        size = EXT2_I_SIZE(&node_.inode());
    }
    const uint64_t room = frames.size() * page_size, length = size > offset ? std::min(size - offset, room) : 0;
    const uint64_t end = offset / block_size() + blocks_of(length, block_size());
    for (uint64_t block = offset / block_size(); block < end;) {
        Run run{block, {}, false};
        {
            const sched::MutexGuard guard{node_.volume().mutex()};
            run.blocks = TRY(node_.map().find(block, end - block));
        }
        if (run.blocks.count == 0) return Error{EUCLEAN};
        if (run.blocks.kind == FileBlocks::Kind::Written) {
            TRY(transfer(false, run, offset, frames));
        } else {
            for (uint64_t i = 0; i < run.blocks.count; ++i) {
                const uint64_t place = (block + i) * block_size() - offset;
                std::memset(direct_map(frames[place / page_size] + place % page_size).as<void>(), 0, block_size());
            }
        }
        block += run.blocks.count;
    }
    // Behind the end there are zeros, whatever the last block holds.
    for (uint64_t place = length; place < room;) {
        const uint64_t piece = page_size - place % page_size;
        std::memset(direct_map(frames[place / page_size] + place % page_size).as<void>(), 0, piece);
        place += piece;
    }
    return length;
}

// Runs of one write. What was reserved for them is free again unless it is taken.
class FileData::Runs {
public:
    explicit Runs(Node& node) : node_{node} {}
    Runs(const Runs&) = delete;
    Runs& operator=(const Runs&) = delete;
    ~Runs() {
        if (count_ == 0) return;
        const sched::MutexGuard guard{node_.volume().mutex()};
        release();
    }
    [[nodiscard]] std::span<const Run> get() const { return std::span{runs_}.first(count_); }

    // Finds blocks for file blocks from `block`; returns the first that had no place. Requires the volume's lock.
    Result<uint64_t> plan(uint64_t block, uint64_t end) {
        Volume& volume = node_.volume();
        while (count_ < runs_.size() && block < end) {
            Run run{block, TRY(node_.map().find(block, end - block)), false};
            if (run.blocks.count == 0) return Error{EUCLEAN};
            if (run.blocks.kind == FileBlocks::Kind::Hole) {
                const uint64_t goal = next_goal_ != 0 ? next_goal_ : node_.map().goal(block);
                const BlockRange found = TRY(volume.find_free(goal, run.blocks.count));
                volume.withhold(found);
                run.blocks = {FileBlocks::Kind::Hole, found.first, found.count};
                run.reserved = true;
            }
            next_goal_ = run.blocks.first + run.blocks.count;
            block += run.blocks.count;
            runs_[count_++] = run;
        }
        return block;
    }
    // Requires a running operation.
    Result<void> enter() {
        for (const Run& run : get()) {
            const BlockRange range{run.blocks.first, run.blocks.count};
            if (run.reserved) {
                node_.volume().use(range);
                TRY(node_.map().insert(run.block, range, true));
            } else if (run.blocks.kind == FileBlocks::Kind::Unwritten) {
                TRY(node_.map().set_written(run.block, range));
            }
        }
        return {};
    }
    // Requires the volume's lock.
    void release() {
        for (const Run& run : get())
            if (run.reserved) node_.volume().release({run.blocks.first, run.blocks.count});
        count_ = 0;
    }
    [[nodiscard]] bool change_map() const {
        return std::any_of(get().begin(), get().end(), [](const Run& run) { return run.blocks.kind != FileBlocks::Kind::Written; });
    }

private:
    Node& node_;
    std::array<Run, most_runs> runs_;
    size_t count_ = 0;
    uint64_t next_goal_ = 0;
};

Result<void> FileData::try_write(uint64_t offset, std::span<const PhysicalAddress> frames, size_t length) {
    const uint64_t end = blocks_of(offset + length, block_size());
    for (uint64_t block = offset / block_size(); block < end;) {
        Runs runs{node_};
        bool longer = false;
        const uint64_t begin = block;
        {
            const sched::MutexGuard guard{node_.volume().mutex()};
            block = TRY(runs.plan(block, end));
            longer = std::min(offset + length, block * block_size()) > EXT2_I_SIZE(&node_.inode());
        }
        if (block == begin) return Error{ENOSPC};
        for (const Run& run : runs.get()) TRY(transfer(true, run, offset, frames));
        if (!runs.change_map() && !longer) continue;
        Operation operation{node_.volume()};
        TRY(operation.begin());
        node_.change();
        TRY(runs.enter());
        if (longer) TRY(grow(std::min(offset + length, block * block_size())));
        node_.touch(Node::Modification | Node::Change);
        TRY(node_.store());
        TRY(operation.keep());
        runs.release();
    }
    return {};
}

Result<void> FileData::write(uint64_t offset, std::span<const PhysicalAddress> frames, size_t length) {
    const auto written = try_write(offset, frames, length);
    if (written.code() != ENOSPC) return written;
    TRY(make_room());
    return try_write(offset, frames, length);
}

// What was freed can be used after a commit.
Result<void> FileData::make_room() {
    const sched::MutexGuard guard{node_.volume().mutex()};
    if (node_.volume().read_only()) return Error{EROFS};
    TRY(node_.owner().reap());
    return node_.volume().commit();
}

Result<void> FileData::grow(uint64_t size) { return checked(ext2fs_inode_size_set(node_.volume().library(), &node_.inode(), static_cast<ext2_off64_t>(size))); }

Result<void> FileData::set_size(uint64_t size) {
    uint64_t old;
    {
        const sched::MutexGuard guard{node_.volume().mutex()};
        old = EXT2_I_SIZE(&node_.inode());
    }
    constexpr uint64_t most_blocks = uint64_t{1} << 32;
    if (blocks_of(size, block_size()) > most_blocks) return Error{EFBIG};
    if (size < old) {
        // If the file grows again, zeros are behind the end.
        TRY(zero(size, std::min(old, align_up(size, block_size()))));
        return shrink(size);
    }
    Operation operation{node_.volume()};
    TRY(operation.begin());
    node_.change();
    TRY(grow(size));
    node_.touch(Node::Modification | Node::Change);
    TRY(node_.store());
    return operation.keep();
}

// From the end, so that what is left is a file at any time.
Result<void> FileData::shrink(uint64_t size) {
    for (bool done = false, first = true; !done; first = false) {
        Operation operation{node_.volume()};
        TRY(operation.begin());
        const uint64_t now = EXT2_I_SIZE(&node_.inode()), keep = blocks_of(size, block_size()), end = blocks_of(now, block_size());
        const uint64_t begin = end > keep + most_blocks_at_once ? end - most_blocks_at_once : keep;
        done = begin == keep;
        node_.change();
        TRY(grow(done ? size : begin * block_size()));
        // Blocks may have been allocated beyond the end.
        TRY(node_.map().remove(begin, first ? UINT64_MAX : end));
        node_.touch(Node::Modification | Node::Change);
        TRY(node_.store());
        TRY(operation.keep());
    }
    return {};
}

// Writes zeros over a part of a block that has data. Nothing to do in a hole.
Result<void> FileData::zero(uint64_t begin, uint64_t end) {
    if (begin >= end) return {};
    const uint64_t block = begin / block_size();
    Run run{block, {}, false};
    {
        const sched::MutexGuard guard{node_.volume().mutex()};
        run.blocks = TRY(node_.map().find(block, 1));
    }
    if (run.blocks.kind != FileBlocks::Kind::Written) return {};
    const PhysicalAddress page = TRY(mm::page_allocator().allocate(0));
    const uint64_t offset = align_down(begin, page_size);
    auto done = transfer(false, run, offset, {&page, 1});
    if (done.ok()) {
        std::memset(direct_map(page + (begin - offset)).as<void>(), 0, end - begin);
        done = transfer(true, run, offset, {&page, 1});
    }
    mm::page_allocator().free(page, 0);
    return done;
}

Result<void> FileData::punch(uint64_t begin, uint64_t end) {
    const uint64_t first = align_up(begin, block_size()), last = align_down(end, block_size());
    if (first > last) return zero(begin, end);
    TRY(zero(begin, first));
    TRY(zero(last, end));
    for (uint64_t block = first / block_size(), stop = last / block_size(); block < stop;) {
        const uint64_t next = std::min(stop, block + most_blocks_at_once);
        Operation operation{node_.volume()};
        TRY(operation.begin());
        node_.change();
        TRY(node_.map().remove(block, next));
        node_.touch(Node::Modification | Node::Change);
        TRY(node_.store());
        TRY(operation.keep());
        block = next;
    }
    return {};
}

// Blocks for all of it, which read as zeros.
Result<void> FileData::reserve(uint64_t begin, uint64_t end, uint64_t size) {
    const uint64_t last = blocks_of(end, block_size());
    for (uint64_t block = begin / block_size();;) {
        Operation operation{node_.volume()};
        TRY(operation.begin());
        node_.change();
        while (block < last) {
            const FileBlocks found = TRY(node_.map().find(block, std::min(last - block, most_blocks_at_once)));
            if (found.count == 0) return Error{EUCLEAN};
            if (found.kind != FileBlocks::Kind::Hole) {
                block += found.count;
                continue;
            }
            const BlockRange range = TRY(node_.volume().find_free(node_.map().goal(block), found.count));
            node_.volume().use(range);
            TRY(node_.map().insert(block, range, false));
            block += range.count;
            break;
        }
        if (block >= last && size > EXT2_I_SIZE(&node_.inode())) TRY(grow(size));
        node_.touch(Node::Modification | Node::Change);
        TRY(node_.store());
        TRY(operation.keep());
        if (block >= last) return {};
    }
}

Result<void> FileData::allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) {
    const uint64_t end = offset + length;
    constexpr uint64_t most_blocks = uint64_t{1} << 32;
    if (blocks_of(end, block_size()) > most_blocks) return Error{EFBIG};
    bool extents;
    {
        const sched::MutexGuard guard{node_.volume().mutex()};
        extents = (node_.inode().i_flags & EXT4_EXTENTS_FL) != 0;
    }
    if (mode != AllocateMode::PunchHole && !extents) return Error{EOPNOTSUPP};
    if (mode != AllocateMode::Allocate) TRY(punch(offset, end));
    if (mode == AllocateMode::PunchHole) return {};
    const auto reserved = reserve(offset, end, keep_size ? 0 : end);
    if (reserved.code() != ENOSPC) return reserved;
    TRY(make_room());
    return reserve(offset, end, keep_size ? 0 : end);
}

Result<uint64_t> FileData::seek(uint64_t offset, bool hole) {
    const sched::MutexGuard guard{node_.volume().mutex()};
    const uint64_t size = EXT2_I_SIZE(&node_.inode());
    if (offset >= size) return Error{ENXIO};
    const uint64_t end = blocks_of(size, block_size());
    for (uint64_t block = offset / block_size(); block < end;) {
        const FileBlocks found = TRY(node_.map().find(block, end - block));
        if (found.count == 0) return Error{EUCLEAN};
        if ((found.kind != FileBlocks::Kind::Written) == hole) return std::max(offset, block * block_size());
        block += found.count;
    }
    return hole ? Result<uint64_t>{size} : Result<uint64_t>{Error{ENXIO}};
}

}  // namespace eremite::fs::ext4
