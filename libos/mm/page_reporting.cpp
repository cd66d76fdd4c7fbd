// Free memory on its way to the host, and back.
#include <algorithm>

#include "base/panic.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/mm/page_state.hpp"

namespace eremite::mm {

using namespace page_state;

std::optional<PageAllocator::Block> PageAllocator::take_unreported(unsigned smallest, unsigned largest, uint64_t spare) {
    sync::Guard guard{lock_};
    for (unsigned order = maximum_order + 1; order-- > smallest;) {
        for (const FreeBlock* block = lists_[order]; block; block = block->next) {
            const uint64_t frame = block->frame;
            const Zone& zone = zone_of(frame);
            if (zone.load(frame) & is_reported) continue;
            const unsigned part = std::min(order, largest);
            if (listed_pages() < reserve() + spare + (uint64_t{1} << part)) return {};
            remove(zone, frame, order);
            listed_.store(listed_pages() - (uint64_t{1} << part), std::memory_order_relaxed);
            while (order > part) {
                --order;
                const uint64_t upper = frame + (uint64_t{1} << order);
                zone.store(upper, is_free | order);
                push(zone, upper, order);
            }
            return Block{allocated(frame, part), part};
        }
    }
    return {};
}

void PageAllocator::free_reported(const Block& block) {
    uint64_t frame = block.address.value >> page_shift;
    unsigned order = block.order;
    const Zone& zone = zone_of(frame);
    require(zone.load(frame) == (is_allocated | order), "page allocator: reported block is not allocated");
    sync::Guard guard{lock_};
    listed_.store(listed_pages() + (uint64_t{1} << order), std::memory_order_relaxed);
    // One that is not reported stays apart until it is, or until an ordinary release merges both.
    for (; order < maximum_order; ++order) {
        const uint64_t size = uint64_t{1} << order;
        const uint64_t buddy = frame ^ size;
        if (buddy < zone.first || buddy + size > zone.end || zone.load(buddy) != (is_free | is_reported | order)) break;
        remove(zone, buddy, order);
        zone.store(std::max(frame, buddy), inside);
        frame = std::min(frame, buddy);
    }
    zone.store(frame, is_free | is_reported | order);
    push(zone, frame, order);
}

}  // namespace eremite::mm
