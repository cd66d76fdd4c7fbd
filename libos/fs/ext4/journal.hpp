#pragma once
// The journal of a volume: a log of transactions, each of which takes effect as a whole or not at all. Written by commit(); what a crash
// left in it is put in its places by replay(). Format: jbd2.hpp. No lock: the volume's guards it.
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "base/vector.hpp"
#include "libos/block/device.hpp"
#include "libos/fs/ext4/block_cache.hpp"
#include "libos/fs/ext4/jbd2.hpp"

namespace eremite::fs::ext4 {

// Where a part of the journal stands: blocks of the volume.
struct JournalPart {
    uint64_t first;
    uint32_t count;
};

struct ReplayReport {
    uint32_t transactions = 0;
    uint32_t blocks = 0;
};

class Journal {
public:
    Journal(block::Device& device, uint32_t block_size) : device_{device}, block_size_{block_size} {}
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    ~Journal();

    // `parts`: the journal's blocks in order. EUCLEAN: it is none; ENOTSUP: it has features that we do not know; EIO, ENOMEM.
    [[nodiscard]] Result<void> open(Vector<JournalPart> parts);
    [[nodiscard]] bool empty() const { return super().start == 0; }

    // Writes what complete transactions hold to its places, and empties the journal. EUCLEAN: it is damaged; ENOTSUP: fast commits,
    // which only Linux knows.
    [[nodiscard]] Result<ReplayReport> replay();

    // From now on transactions are written. Requires: empty(). `sums`, `wide`: as the volume has them.
    [[nodiscard]] Result<void> start(bool sums, bool wide);
    // Whether the log has room for a transaction now, and whether it ever can.
    [[nodiscard]] bool has_room(size_t blocks, size_t revoked) const { return needed(blocks, revoked) <= capacity() - used_; }
    [[nodiscard]] bool half_full() const { return used_ > capacity() / 2; }
    [[nodiscard]] uint32_t capacity() const { return end_ - super_first_; }
    // Writes a transaction; when it returns, that lasts. `revoked`: blocks that transactions in the log hold, but are something
    // else now. Requires: has_room(). EIO.
    [[nodiscard]] Result<void> commit(List<Block, ByUse>& blocks, size_t count, std::span<const uint64_t> revoked);
    // All that the log holds is in its places and lasts there. `finally`: the log stays empty.
    [[nodiscard]] Result<void> release(bool finally);

private:
    class Reader;
    class Writer;

    [[nodiscard]] jbd2::SuperBlock& super() { return *VirtualAddress{super_}.as<jbd2::SuperBlock>(); }
    [[nodiscard]] const jbd2::SuperBlock& super() const { return *VirtualAddress{super_}.as<const jbd2::SuperBlock>(); }
    [[nodiscard]] bool has(uint32_t incompatible) const { return (super().incompatible & incompatible) != 0; }
    [[nodiscard]] bool has_sums() const { return has(jbd2::checksums_v2 | jbd2::checksums_v3); }
    [[nodiscard]] uint32_t tag_size() const;
    [[nodiscard]] size_t tags_in_block() const;
    [[nodiscard]] size_t revoked_in_block() const;
    [[nodiscard]] size_t needed(size_t blocks, size_t revoked) const;
    [[nodiscard]] uint32_t next(uint32_t at) const { return at + 1 == end_ ? super_first_ : at + 1; }
    // The volume's block that holds the journal's block `at`, and how many follow it there.
    [[nodiscard]] Result<uint64_t> place_of(uint32_t at, uint32_t* following = nullptr) const;
    [[nodiscard]] Result<void> read(uint32_t at, uint8_t* bytes);
    [[nodiscard]] Result<void> write_super();
    [[nodiscard]] uint32_t sum_of(std::span<const uint8_t> bytes, uint32_t seed) const;
    [[nodiscard]] uint32_t seed() const;
    [[nodiscard]] uint64_t sector_of(uint64_t block) const { return block * (block_size_ / block::sector_size); }

    block::Device& device_;
    const uint32_t block_size_;
    Vector<JournalPart> parts_;
    uint8_t* super_ = nullptr;  // block 0
    uint32_t super_first_ = 0, end_ = 0;  // blocks of the log
    uint32_t head_ = 0;         // the next transaction goes there
    uint32_t used_ = 0;         // blocks of the log that a replay would look at
    uint32_t sequence_ = 0;     // of the next transaction
};

}  // namespace eremite::fs::ext4
