#include "libos/fs/ext4/block_cache.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ext4 {

BlockCache::~BlockCache() {
    for (Block*& head : buckets_) {
        while (Block* const block = head) {
            head = block->next_in_bucket_;
            if (block->before_) release_bytes(block->before_);
            release_bytes(block->bytes_);
            delete block;
        }
    }
}

// A page for each, so that devices can reach it.
uint8_t* BlockCache::allocate_bytes() {
    const auto page = mm::page_allocator().allocate(0);
    return page.ok() ? direct_map(page.value()).as<uint8_t>() : nullptr;
}

void BlockCache::release_bytes(uint8_t* bytes) { mm::page_allocator().free(physical_of_direct_map(VirtualAddress{bytes}), 0); }

Block* BlockCache::find(uint64_t number) {
    Block* block = bucket(number);
    while (block && block->number_ != number) block = block->next_in_bucket_;
    return block;
}

void BlockCache::leave_list(Block& block) {
    --(block.changed_ ? changed_count_ : block.logged_ ? logged_count_ : clean_count_);
    List<Block, ByUse>::remove(block);
}

void BlockCache::enter_list(Block& block) {
    ++(block.changed_ ? changed_count_ : block.logged_ ? logged_count_ : clean_count_);
    (block.changed_ ? changed_ : block.logged_ ? logged_ : clean_).push_back(block);
}

Result<Block*> BlockCache::add(uint64_t number) {
    const uint64_t sectors = block_size_ / block::sector_size;
    if (number >= device_.limits().sectors / sectors) return Error{EUCLEAN};
    auto* const block = new (std::nothrow) Block;
    if (!block) return Error{ENOMEM};
    block->bytes_ = allocate_bytes();
    if (!block->bytes_) {
        delete block;
        return Error{ENOMEM};
    }
    block->number_ = number;
    block->next_in_bucket_ = bucket(number);
    bucket(number) = block;
    ++count_;
    enter_list(*block);
    return block;
}

void BlockCache::destroy(Block& block) {
    leave_list(block);
    Block** link = &bucket(block.number_);
    while (*link != &block) link = &(*link)->next_in_bucket_;
    *link = block.next_in_bucket_;
    --count_;
    release_bytes(block.bytes_);
    delete &block;
}

Result<Block*> BlockCache::get(uint64_t number) {
    if (Block* const block = find(number)) {
        if (!block->changed_ && !block->logged_) {
            List<Block, ByUse>::remove(*block);
            clean_.push_back(*block);
        }
        return block;
    }
    Block* const block = TRY(add(number));
    const block::Segment segment{physical_of_direct_map(VirtualAddress{block->bytes_}), block_size_};
    if (const auto read = device_.read(sector_of(number), {&segment, 1}); !read.ok()) {
        destroy(*block);
        return read.error();
    }
    return block;
}

Result<Block*> BlockCache::get_blank(uint64_t number) {
    Block* block = find(number);
    if (block) {
        TRY(change(*block));
    } else {
        block = TRY(add(number));
        leave_list(*block);
        block->new_ = true;
        block->changed_ = true;
        enter_list(*block);
        operation_.push_back(*block);
    }
    std::memset(block->bytes_, 0, block_size_);
    return block;
}

Result<void> BlockCache::change(Block& block) {
    if (static_cast<ListNode<ByOperation>&>(block).linked()) return {};
    block.before_ = allocate_bytes();
    if (!block.before_) return Error{ENOMEM};
    std::memcpy(block.before_, block.bytes_, block_size_);
    leave_list(block);
    block.changed_before_ = block.changed_;
    block.changed_ = true;
    enter_list(block);
    operation_.push_back(block);
    return {};
}

Result<void> BlockCache::write(uint64_t number, size_t offset, std::span<const uint8_t> bytes) {
    Block* block = find(number);
    if (!block) block = TRY(bytes.size() == block_size_ ? get_blank(number) : get(number));
    if (std::memcmp(block->bytes_ + offset, bytes.data(), bytes.size()) == 0) return {};
    TRY(change(*block));
    std::memcpy(block->bytes_ + offset, bytes.data(), bytes.size());
    return {};
}

void BlockCache::keep() {
    while (Block* const block = operation_.pop_front()) {
        if (block->before_) release_bytes(block->before_);
        block->before_ = nullptr;
        block->new_ = false;
    }
    trim();
}

void BlockCache::undo() {
    while (Block* const block = operation_.pop_front()) {
        if (block->new_) {
            destroy(*block);
            continue;
        }
        leave_list(*block);
        std::swap(block->bytes_, block->before_);
        release_bytes(block->before_);
        block->before_ = nullptr;
        block->changed_ = block->changed_before_;
        enter_list(*block);
    }
    trim();
}

void BlockCache::trim() {
    while (clean_count_ > most_) destroy(*clean_.front());
}

bool BlockCache::forget(uint64_t number) {
    Block* const block = find(number);
    if (!block) return false;
    const bool logged = block->logged_;
    destroy(*block);
    return logged;
}

void BlockCache::committed() {
    while (Block* const block = changed_.front()) {
        leave_list(*block);
        block->changed_ = false;
        block->logged_ = true;
        enter_list(*block);
    }
}

// Neighbours go in one transfer.
Result<void> BlockCache::write_logged() {
    Vector<Block*> blocks;
    TRY(blocks.reserve(logged_count_));
    for (Block& block : logged_) TRY(blocks.push_back(&block));
    std::sort(blocks.begin(), blocks.end(), [](const Block* left, const Block* right) { return left->number_ < right->number_; });
    std::array<block::Segment, 32> segments;
    for (size_t i = 0; i < blocks.size();) {
        const uint64_t first = blocks[i]->number_;
        size_t count = 0;
        for (; i < blocks.size() && count < segments.size() && blocks[i]->number_ == first + count; ++i)
            segments[count++] = {physical_of_direct_map(VirtualAddress{blocks[i]->bytes_}), block_size_};
        TRY(device_.write(sector_of(first), std::span{segments}.first(count)));
    }
    return {};
}

void BlockCache::checkpointed() {
    while (Block* const block = logged_.front()) {
        leave_list(*block);
        block->logged_ = false;
        enter_list(*block);
    }
    trim();
}

void BlockCache::clear() {
    while (Block* const block = clean_.front()) destroy(*block);
}

}  // namespace eremite::fs::ext4
