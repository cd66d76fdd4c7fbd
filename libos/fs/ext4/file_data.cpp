// Reading and writing.
#include "libos/fs/ext4/file_data.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "libos/fs/ext4/errors.hpp"

namespace eremite::fs::ext4 {

namespace {

constexpr size_t most_runs = 16, most_segments = 64;

}  // namespace

uint64_t FileData::stored_size() const {
    const sched::MutexGuard guard{node_.volume().mutex()};
    return EXT2_I_SIZE(&node_.inode());
}

Result<void> FileData::start(block::Transfer& transfer, const Run& run, const Memory& memory) {
    std::array<block::Segment, most_segments> segments;
    uint64_t at = run.block * block_size(), sector = run.blocks.first * (block_size() / block::sector_size);
    const uint64_t end = at + run.blocks.count * block_size();
    while (at < end) {
        size_t count = 0;
        uint64_t bytes = 0;
        while (at < end) {
            const auto piece = static_cast<uint32_t>(std::min(end - at, page_size - (at - memory.offset) % page_size));
            const PhysicalAddress place = memory.at(at);
            // Frames that are neighbours make one segment.
            if (count != 0 && segments[count - 1].address + segments[count - 1].length == place) {
                segments[count - 1].length += piece;
            } else {
                if (count == segments.size()) break;
                segments[count++] = {place, piece};
            }
            at += piece;
            bytes += piece;
        }
        TRY(transfer.start(sector, std::span{segments}.first(count)));
        sector += bytes / block::sector_size;
    }
    return {};
}

Result<void> FileData::transfer(block::Operation operation, const Run& run, const Memory& memory) {
    block::Transfer transfer{node_.volume().device(), operation};
    TRY(start(transfer, run, memory));
    return transfer.finish();
}

Result<size_t> FileData::read(uint64_t offset, std::span<const PhysicalAddress> frames) {
    const Memory memory{offset, frames};
    const uint64_t size = stored_size(), room = frames.size() * page_size, length = size > offset ? std::min(size - offset, room) : 0;
    const uint64_t end = offset / block_size() + blocks_of(length);
    for (uint64_t block = offset / block_size(); block < end;) {
        Run run{0, block, {}, false};
        {
            const sched::MutexGuard guard{node_.volume().mutex()};
            run.blocks = TRY(node_.map().find(block, end - block));
            node_.volume().trim();
        }
        if (run.blocks.count == 0) return Error{EUCLEAN};
        if (run.blocks.kind == FileBlocks::Kind::Written) {
            TRY(transfer(block::Operation::Read, run, memory));
        } else {
            for (uint64_t i = 0; i < run.blocks.count; ++i)
                std::memset(direct_map(memory.at((block + i) * block_size())).as<void>(), 0, block_size());
        }
        block += run.blocks.count;
    }
    // Behind the end there are zeros, whatever the last block holds.
    for (uint64_t place = length; place < room;) {
        const uint64_t piece = page_size - place % page_size;
        std::memset(direct_map(memory.at(offset + place)).as<void>(), 0, piece);
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

    // Finds blocks for file blocks from `block`; returns the first for which there was no room here. Requires the volume's lock.
    Result<uint64_t> plan(size_t place, uint64_t block, uint64_t end) {
        Volume& volume = node_.volume();
        next_goal_ = 0;
        while (count_ < runs_.size() && block < end) {
            Run run{place, block, TRY(node_.map().find(block, end - block)), false};
            if (run.blocks.count == 0) return Error{EUCLEAN};
            if (run.blocks.kind == FileBlocks::Kind::Hole) {
                const uint64_t goal = next_goal_ != 0 ? next_goal_ : node_.map().goal(block);
                // Bytes that were taken from the program have every block that there is.
                const BlockRange found = TRY(volume.find_free(goal, run.blocks.count, Volume::Use::Promised));
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

Result<void> FileData::write_runs(const Runs& runs, const Source& source) {
    block::Transfer transfer{node_.volume().device(), block::Operation::Write};
    for (const Run& run : runs.get()) TRY(start(transfer, run, source.memory(run.place)));
    return transfer.finish();
}

Result<void> FileData::try_write(const Source& source) {
    const auto first_block = [&](size_t place) { return source.places[place].offset / block_size(); };
    uint64_t block = first_block(0);
    for (size_t place = 0; place < source.places.size();) {
        Runs runs{node_};
        uint64_t size = 0;
        bool longer = false;
        {
            const sched::MutexGuard guard{node_.volume().mutex()};
            for (;;) {
                const uint64_t end = blocks_of(source.end(place)), planned = TRY(runs.plan(place, block, end));
                if (planned == block) break;
                block = planned;
                size = std::min(source.end(place), block * block_size());
                if (block < end || ++place == source.places.size()) break;
                block = first_block(place);
            }
            longer = size > EXT2_I_SIZE(&node_.inode());
        }
        if (runs.get().empty()) return Error{ENOSPC};
        TRY(write_runs(runs, source));
        if (!runs.change_map() && !longer) continue;
        TRY(change([&]() -> Result<void> {
            TRY(runs.enter());
            return longer ? grow(size) : Result<void>{};
        }));
        const sched::MutexGuard guard{node_.volume().mutex()};
        runs.release();
    }
    return {};
}

Result<void> FileData::write_blocks(const Source& source) {
    auto written = try_write(source);
    if (written.code() == ENOSPC) {
        TRY(make_room());
        written = try_write(source);
    }
    if (written.code() == ENOMEM) {
        TRY(node_.volume().release_memory());
        written = try_write(source);
    }
    return written;
}

// What stands behind the bytes in their last page is not the file's, and may be changing: it does not go to the volume.
Result<void> FileData::write(std::span<const PageStore::Pages> places) {
    const PageStore::Pages& last = places.back();
    if (last.length % block_size() == 0) return write_blocks({places});
    const Volume::SparePage spare{node_.volume()};
    const size_t rest = last.length % page_size;
    auto* const bytes = direct_map(spare.address()).as<uint8_t>();
    std::memcpy(bytes, direct_map(last.frames[last.length / page_size]).as<const uint8_t>(), rest);
    std::memset(bytes + rest, 0, page_size - rest);
    return write_blocks({places, spare.address()});
}

// What was freed can be used after a commit.
Result<void> FileData::make_room() {
    const sched::MutexGuard guard{node_.volume().mutex()};
    if (node_.volume().read_only()) return Error{EROFS};
    TRY(node_.owner().reap());
    return node_.volume().commit();
}

Result<void> FileData::grow(uint64_t size) {
    return checked(ext2fs_inode_size_set(node_.volume().library(), &node_.inode(), static_cast<ext2_off64_t>(size)));
}

}  // namespace eremite::fs::ext4
