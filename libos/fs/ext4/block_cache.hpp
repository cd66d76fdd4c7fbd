#pragma once
// The blocks of a volume that are metadata, as they are in memory. Operations of the file system change them here; a commit writes all
// that changed to the journal at once; a checkpoint writes them to their places. An operation that fails gives each block back what it
// held. The volume's lock guards all of it; blocks stay where they are until the operation ends.
#include <cstdint>
#include <span>

#include "base/list.hpp"
#include "base/result.hpp"
#include "base/vector.hpp"
#include "libos/block/device.hpp"

namespace eremite::fs::ext4 {

struct ByUse;        // the list of blocks of one state
struct ByOperation;  // those that the running operation changed

class Block : public ListNode<ByUse>, public ListNode<ByOperation> {
public:
    [[nodiscard]] uint64_t number() const { return number_; }
    [[nodiscard]] uint8_t* bytes() { return bytes_; }
    template <typename T>
    [[nodiscard]] T* as(size_t offset = 0) {
        // SAFETY: whoever asks knows what the block holds; blocks are aligned to their size.
        return reinterpret_cast<T*>(bytes_ + offset);
    }

private:
    friend class BlockCache;
    // Whether the checksum in it, of a directory's block, has to be made before it is written; and of which inode.
    struct Seal {
        uint32_t inode = 0;  // 0: it is right
    };
    Block* next_in_bucket_ = nullptr;
    uint64_t number_ = 0;
    uint8_t* bytes_ = nullptr;
    uint8_t* before_ = nullptr;  // what all of it held when the running operation began to change more than ranges
    Seal seal_, seal_before_;
    bool new_ = false;           // it was not here when the running operation began
    bool changed_ = false;       // by the running transaction
    bool changed_before_ = false;
    bool logged_ = false;        // what it held at the last commit is in the journal, not yet in its place
};

class BlockCache {
public:
    // Has up to `most` blocks that are in their places.
    BlockCache(block::Device& device, uint32_t block_size, size_t most) : device_{device}, block_size_{block_size}, most_{most} {}
    BlockCache(const BlockCache&) = delete;
    BlockCache& operator=(const BlockCache&) = delete;
    ~BlockCache();
    [[nodiscard]] uint32_t block_size() const { return block_size_; }

    // A block with what it holds. EIO; EUCLEAN: there is no such block; ENOMEM.
    [[nodiscard]] Result<Block*> get(uint64_t number);
    // A block about to be filled by the running operation: zeros, nothing is read.
    [[nodiscard]] Result<Block*> get_blank(uint64_t number);
    // To be called before the running operation changes a block, or a range of it.
    [[nodiscard]] Result<void> change(Block& block);
    [[nodiscard]] Result<void> change(Block& block, size_t offset, size_t size);
    // The block is one of this directory's, and the checksum in it will be made when it is written. Requires: the running operation changes it.
    static void unseal(Block& block, uint32_t inode) { block.seal_ = {inode}; }
    [[nodiscard]] static bool is_sealed(const Block& block) { return block.seal_.inode == 0; }
    // Calls seal(block, inode) for each that is to be written.
    template <typename Seal>
    [[nodiscard]] Result<void> seal_changed(Seal&& seal) {
        for (Block& block : changed_) {
            if (block.seal_.inode == 0) continue;
            TRY(seal(block, block.seal_.inode));
            block.seal_ = {};
        }
        return {};
    }
    // Writes a block or a part of it, as far as it holds other bytes.
    [[nodiscard]] Result<void> write(uint64_t number, size_t offset, std::span<const uint8_t> bytes);

    // The end of the running operation: its changes stay, or go.
    void keep();
    void undo();

    // The running transaction. Requires of all of these: no operation runs.
    [[nodiscard]] size_t changed_count() const { return changed_count_; }
    // Whether it is time to commit, or to checkpoint, for memory's sake.
    [[nodiscard]] bool changed_is_much() const { return changed_count_ > most_ / 2; }
    [[nodiscard]] bool logged_is_much() const { return logged_count_ > most_; }
    [[nodiscard]] List<Block, ByUse>& changed() { return changed_; }
    // A block of this number is not metadata any more. True: the journal holds one.
    [[nodiscard]] bool forget(uint64_t number);
    [[nodiscard]] size_t block_count() const { return count_; }
    template <typename Function>
    void forget_range(uint64_t first, uint64_t count, Function&& was_logged);
    // Everything changed is in the journal.
    void committed();
    [[nodiscard]] size_t logged_count() const { return logged_count_; }
    // Writes what is only in the journal to its places; to make that last is up to the caller. EIO.
    [[nodiscard]] Result<void> write_logged();
    // All of that lasts.
    void checkpointed();
    // Forgets what was used longest ago and is too much, unless an operation runs.
    void trim_clean() {
        if (operation_.empty()) trim();
    }
    // Forgets what is in its place.
    void clear();

private:
    static constexpr size_t bucket_count = 1024;

    // What a range of a block held, in front of its bytes in a page of such records.
    struct Saved {
        Block* block;
        uint32_t offset, size;
        [[nodiscard]] uint8_t* bytes() { return VirtualAddress{this + 1}.as<uint8_t>(); }
        [[nodiscard]] size_t length() const { return align_up(sizeof *this + size, alignof(Saved)); }
    };
    struct Record {
        uint8_t* page;
        size_t used;
    };
    // Longer ranges are saved with the whole block.
    static constexpr size_t longest_range = 1024;

    [[nodiscard]] Block*& bucket(uint64_t number) { return buckets_[number % bucket_count]; }
    [[nodiscard]] Block* find(uint64_t number);
    [[nodiscard]] Result<Block*> add(uint64_t number);
    [[nodiscard]] uint8_t* allocate_bytes();
    void release_bytes(uint8_t* bytes);
    void destroy(Block& block);
    void leave_list(Block& block);
    void enter_list(Block& block);
    void begin_change(Block& block);
    void give_back_ranges();
    void release_records();
    void trim();
    [[nodiscard]] uint64_t sector_of(uint64_t number) const { return number * (block_size_ / block::sector_size); }

    block::Device& device_;
    const uint32_t block_size_;
    const size_t most_;
    Block* buckets_[bucket_count] = {};
    List<Block, ByUse> clean_, changed_, logged_;  // clean ones: the first was used longest ago
    List<Block, ByOperation> operation_;
    Vector<Record> records_;  // of the running operation; the first page is kept
    size_t count_ = 0, clean_count_ = 0, changed_count_ = 0, logged_count_ = 0;
};

template <typename Function>
void BlockCache::forget_range(uint64_t first, uint64_t count, Function&& was_logged) {
    if (count <= count_) {
        for (uint64_t i = 0; i < count; ++i)
            if (forget(first + i)) was_logged(first + i);
        return;
    }
    for (Block*& head : buckets_) {
        for (Block* block = head; block;) {
            Block* const next = block->next_in_bucket_;
            const uint64_t number = block->number_;
            if (number - first < count && forget(number)) was_logged(number);
            block = next;
        }
    }
}

}  // namespace eremite::fs::ext4
