#include "libos/mm/page_allocator.hpp"

#include <algorithm>
#include <bit>

#include "base/panic.hpp"

namespace eremite::mm {

namespace {

// What the byte of a page says. It is valid for the first page of every block; for pages within a block it says Inside or,
// where no block was ever split so far, nothing at all. That suffices: the buddy of a block is itself one block, or was
// split, and both ways its first page heads a block.
constexpr uint8_t inside = 0;
constexpr uint8_t is_free = 0x40;
constexpr uint8_t is_allocated = 0x80;
constexpr uint8_t is_cached = 0xc0;
constexpr uint8_t order_mask = 0x1f;

}  // namespace

constinit PageAllocator PageAllocator::machine_memory_;

Result<void> PageAllocator::add(PhysicalRange range) {
    uint64_t first = align_up(range.start.value, page_size) >> page_shift;
    const uint64_t end = range.end.value >> page_shift;
    if (end <= first + 1) return Error{EINVAL};
    sync::Guard guard{lock_};
    if (zone_count_ == maximum_zones) return Error{ENOSPC};
    const uint64_t metadata_pages = align_up(end - first, page_size) >> page_shift;
    // SAFETY: the direct map reaches the memory, and the caller gave it to us.
    auto* states = direct_map(PhysicalAddress{first << page_shift}).as<uint8_t>();
    first += metadata_pages;
    zones_[zone_count_++] = Zone{first, end, states};
    total_pages_ += end - first;
    free_pages_ += end - first;
    const Zone& zone = zones_[zone_count_ - 1];
    // The largest aligned blocks that fit. Two neighbours that could merge cannot arise.
    while (first < end) {
        const unsigned order = std::min({unsigned(std::countr_zero(first)), unsigned(std::bit_width(end - first)) - 1, maximum_order});
        zone.state(first) = static_cast<uint8_t>(is_free | order);
        push(first, order);
        first += uint64_t{1} << order;
    }
    return {};
}

const PageAllocator::Zone& PageAllocator::zone_of(uint64_t frame) const {
    for (size_t i = 0; i < zone_count_; ++i) {
        if (frame - zones_[i].first < zones_[i].end - zones_[i].first) return zones_[i];
    }
    panic("page allocator: not a page of ours");
}

bool PageAllocator::manages(PhysicalAddress address) const {
    const uint64_t frame = address.value >> page_shift;
    for (size_t i = 0; i < zone_count_; ++i) {
        if (frame >= zones_[i].first && frame < zones_[i].end) return true;
    }
    return false;
}

void PageAllocator::push(uint64_t frame, unsigned order) {
    // SAFETY: a free block is ours to write, through the direct map.
    auto* block = direct_map(PhysicalAddress{frame << page_shift}).as<FreeBlock>();
    block->previous = nullptr;
    block->next = lists_[order];
    if (block->next) block->next->previous = block;
    lists_[order] = block;
    nonempty_ |= 1u << order;
}

void PageAllocator::remove(uint64_t frame, unsigned order) {
    // SAFETY: as above; the block is on this list.
    auto* block = direct_map(PhysicalAddress{frame << page_shift}).as<FreeBlock>();
    if (block->next) block->next->previous = block->previous;
    if (block->previous) block->previous->next = block->next;
    else lists_[order] = block->next;
    if (!lists_[order]) nonempty_ &= ~(1u << order);
}

// Takes a block of `order` off the lists, splitting a larger one if need be. Its byte is left to the caller.
bool PageAllocator::take(unsigned order, uint64_t& frame) {
    const uint32_t candidates = nonempty_ >> order;
    if (candidates == 0) return false;
    unsigned have = order + static_cast<unsigned>(std::countr_zero(candidates));
    frame = physical_of_direct_map(VirtualAddress{lists_[have]}).value >> page_shift;
    remove(frame, have);
    if (have == order) return true;
    const Zone& zone = zone_of(frame);
    while (have > order) {
        --have;
        const uint64_t upper = frame + (uint64_t{1} << have);
        zone.state(upper) = static_cast<uint8_t>(is_free | have);
        push(upper, have);
    }
    return true;
}

// Returns a block to the lists and merges it with its buddies.
void PageAllocator::release(const Zone& zone, uint64_t frame, unsigned order) {
    for (; order < maximum_order; ++order) {
        const uint64_t size = uint64_t{1} << order;
        const uint64_t buddy = frame ^ size;
        if (buddy < zone.first || buddy + size > zone.end || zone.state(buddy) != (is_free | order)) break;
        remove(buddy, order);
        zone.state(std::max(frame, buddy)) = inside;
        frame = std::min(frame, buddy);
    }
    zone.state(frame) = static_cast<uint8_t>(is_free | order);
    push(frame, order);
}

// Fills the cache with a few single pages, from small blocks first, so that large ones stay whole.
bool PageAllocator::refill_cache() {
    constexpr unsigned batch = 4;
    if (nonempty_ == 0) return false;
    unsigned order = std::min(unsigned(std::countr_zero(nonempty_)), batch);
    uint64_t frame = 0;
    if (!take(order, frame)) return false;
    const Zone& zone = zone_of(frame);
    for (uint64_t i = uint64_t{1} << order; i-- > 0;) {
        zone.state(frame + i) = is_cached;
        cache_.frames[cache_.count++] = frame + i;
    }
    return true;
}

// Returns all but `keep` pages, the oldest first.
void PageAllocator::drain_cache(size_t keep) {
    const size_t surplus = cache_.count - keep;
    for (size_t i = 0; i < surplus; ++i) release(zone_of(cache_.frames[i]), cache_.frames[i], 0);
    for (size_t i = 0; i < keep; ++i) cache_.frames[i] = cache_.frames[surplus + i];
    cache_.count = keep;
}

Result<PhysicalAddress> PageAllocator::allocate(unsigned order, Use use) {
    require(order <= maximum_order, "page allocator: order out of range");
    sync::Guard guard{lock_};
    if (use == Use::Ordinary && available_pages() < uint64_t{1} << order) return Error{ENOMEM};
    uint64_t frame = 0;
    if (order == 0) {
        if (cache_.count == 0 && !refill_cache()) return Error{ENOMEM};
        frame = cache_.frames[--cache_.count];
    } else if (!take(order, frame)) {
        drain_cache(0);
        if (!take(order, frame)) return Error{ENOMEM};
    }
    zone_of(frame).state(frame) = static_cast<uint8_t>(is_allocated | order);
    free_pages_ -= uint64_t{1} << order;
    return PhysicalAddress{frame << page_shift};
}

void PageAllocator::free(PhysicalAddress block, unsigned order) {
    const uint64_t frame = block.value >> page_shift;
    sync::Guard guard{lock_};
    const Zone& zone = zone_of(frame);
    require(zone.state(frame) == (is_allocated | order), "page allocator: freed block is not allocated");
    free_pages_ += uint64_t{1} << order;
    if (order != 0) return release(zone, frame, order);
    if (cache_.count == PageCache::capacity) drain_cache(PageCache::capacity / 2);
    zone.state(frame) = is_cached;
    cache_.frames[cache_.count++] = frame;
}

void PageAllocator::split(PhysicalAddress block, unsigned order) {
    const uint64_t frame = block.value >> page_shift;
    sync::Guard guard{lock_};
    const Zone& zone = zone_of(frame);
    require(zone.state(frame) == (is_allocated | order), "page allocator: split block is not allocated");
    for (uint64_t i = 0; i < uint64_t{1} << order; ++i) zone.state(frame + i) = is_allocated;
}

unsigned PageAllocator::order_of(PhysicalAddress block) const {
    const uint64_t frame = block.value >> page_shift;
    const uint8_t state = zone_of(frame).state(frame);
    require((state & ~order_mask) == is_allocated, "page allocator: block is not allocated");
    return state & order_mask;
}

}  // namespace eremite::mm
