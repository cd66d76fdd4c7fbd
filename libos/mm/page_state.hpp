#pragma once
// What the page allocator notes of each page.
#include <cstdint>

#include "base/panic.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::mm {

namespace page_state {

// What the byte of a page says. It is valid for the first page of every block; for pages within a block it says Inside or,
// where no block was ever split so far, nothing at all, and within a large free one they are the links of a list. That
// suffices: the buddy of a block is itself one block, or was split, and both ways its first page heads a block. The bytes of
// pages in caches and of those handed out are written by whoever has them, all others with the lock held.
inline constexpr uint8_t inside = 0;
inline constexpr uint8_t is_free = 0x40;
inline constexpr uint8_t is_reported = 0x20;  // beside is_free: the host does not have memory there
inline constexpr uint8_t is_allocated = 0x80;
inline constexpr uint8_t is_cached = 0xc0;
inline constexpr uint8_t order_mask = 0x1f;

constexpr bool is_free_of(uint8_t state, unsigned order) { return (state & ~is_reported) == (is_free | order); }

}  // namespace page_state

inline const PageAllocator::Zone& PageAllocator::zone_of(uint64_t frame) const {
    // The largest one is mostly the last one.
    for (const Zone* zone = zones_.data() + zone_count_; zone-- != zones_.data();) {
        if (frame - zone->first < zone->end - zone->first) return *zone;
    }
    panic("page allocator: not a page of ours");
}

inline PhysicalAddress PageAllocator::allocated(uint64_t frame, unsigned order) {
    zone_of(frame).store(frame, page_state::is_allocated | order);
    return {frame << page_shift};
}

}  // namespace eremite::mm
