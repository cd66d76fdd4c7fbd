#include "libos/fs/ext4/block_cache.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ext4 {

BlockCache::~BlockCache() {
    for (const Record& record : records_) release_bytes(record.page);
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
    block->seal_ = {};
    std::memset(block->bytes_, 0, block_size_);
    return block;
}

void BlockCache::begin_change(Block& block) {
    if (static_cast<ListNode<ByOperation>&>(block).linked()) return;
    block.changed_before_ = block.changed_;
    block.seal_before_ = block.seal_;
    if (!block.changed_) {
        leave_list(block);
        block.changed_ = true;
        enter_list(block);
    }
    operation_.push_back(block);
}

Result<void> BlockCache::change(Block& block) {
    if (block.before_ || block.new_) return {};
    block.before_ = allocate_bytes();
    if (!block.before_) return Error{ENOMEM};
    std::memcpy(block.before_, block.bytes_, block_size_);
    begin_change(block);
    return {};
}

Result<void> BlockCache::change(Block& block, size_t offset, size_t size) {
    if (block.before_ || block.new_) return {};
    if (size > longest_range) return change(block);
    const Saved saved{&block, static_cast<uint32_t>(offset), static_cast<uint32_t>(size)};
    if (records_.empty() || records_.back().used + saved.length() > page_size) {
        TRY(records_.reserve(records_.size() + 1));
        uint8_t* const page = allocate_bytes();
        if (!page) return Error{ENOMEM};
        TRY(records_.push_back({page, 0}));
    }
    Record& record = records_.back();
    Saved* const at = new (record.page + record.used) Saved{saved};
    std::memcpy(at->bytes(), block.bytes_ + offset, size);
    record.used += saved.length();
    begin_change(block);
    return {};
}

// What was saved first was there first.
void BlockCache::give_back_ranges() {
    for (size_t i = records_.size(); i-- > 0;) {
        std::array<uint16_t, page_size / sizeof(Saved)> offsets;
        size_t count = 0;
        for (size_t at = 0; at < records_[i].used; at += VirtualAddress{records_[i].page + at}.as<Saved>()->length())
            offsets[count++] = static_cast<uint16_t>(at);
        while (count-- > 0) {
            Saved& saved = *VirtualAddress{records_[i].page + offsets[count]}.as<Saved>();
            std::memcpy(saved.block->bytes_ + saved.offset, saved.bytes(), saved.size);
        }
    }
}

void BlockCache::release_records() {
    while (records_.size() > 1) {
        release_bytes(records_.back().page);
        records_.pop_back();
    }
    if (!records_.empty()) records_.back().used = 0;
}

Result<void> BlockCache::write(uint64_t number, size_t offset, std::span<const uint8_t> bytes) {
    Block* block = find(number);
    if (!block) block = TRY(bytes.size() == block_size_ ? get_blank(number) : get(number));
    // Callers write blocks of which they changed a few bytes.
    size_t start = 0, end = bytes.size();
    const auto same = [&](size_t at, size_t size) { return std::memcmp(block->bytes_ + offset + at, bytes.data() + at, size) == 0; };
    constexpr size_t piece = 64;
    while (end - start >= piece && same(start, piece)) start += piece;
    while (end - start >= piece && same(end - piece, piece)) end -= piece;
    if (same(start, end - start)) return {};
    TRY(change(*block, offset + start, end - start));
    std::memcpy(block->bytes_ + offset + start, bytes.data() + start, end - start);
    return {};
}

void BlockCache::keep() {
    while (Block* const block = operation_.pop_front()) {
        if (block->before_) release_bytes(block->before_);
        block->before_ = nullptr;
        block->new_ = false;
    }
    release_records();
    trim();
}

void BlockCache::undo() {
    // Of blocks with both, the ranges were changed first.
    for (Block& block : operation_) {
        if (!block.before_) continue;
        std::swap(block.bytes_, block.before_);
        release_bytes(block.before_);
        block.before_ = nullptr;
    }
    give_back_ranges();
    release_records();
    while (Block* const block = operation_.pop_front()) {
        if (block->new_) {
            destroy(*block);
            continue;
        }
        leave_list(*block);
        block->changed_ = block->changed_before_;
        block->seal_ = block->seal_before_;
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
    if (!blocks.reserve(logged_count_).ok()) {
        for (Block& block : logged_) {
            const block::Segment segment{physical_of_direct_map(VirtualAddress{block.bytes_}), block_size_};
            TRY(device_.write(sector_of(block.number_), {&segment, 1}));
        }
        return {};
    }
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
