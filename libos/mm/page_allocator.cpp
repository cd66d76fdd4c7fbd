#include "libos/mm/page_allocator.hpp"

#include <algorithm>
#include <bit>
#include <new>

#include "base/panic.hpp"
#include "libos/mm/page_state.hpp"

namespace eremite::mm {

using namespace page_state;

namespace {

// Larger blocks are not worth what is lost for them.
constexpr unsigned largest_reclaimed = 3;

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
    listed_.store(listed_pages() + (end - first), std::memory_order_relaxed);
    const Zone& zone = zones_[zone_count_ - 1];
    // The largest aligned blocks that fit. Two neighbours that could merge cannot arise.
    while (first < end) {
        const unsigned order = std::min({unsigned(std::countr_zero(first)), unsigned(std::bit_width(end - first)) - 1, maximum_order});
        // Nobody has touched it yet.
        zone.store(first, is_free | is_reported | order);
        push(zone, first, order);
        first += uint64_t{1} << order;
    }
    return {};
}

Result<void> PageAllocator::add_cpu(unsigned index) {
    for (; cache_count_ <= index; ++cache_count_) {
        auto* const cache = new (std::nothrow) PageCache;
        if (!cache) return Error{ENOMEM};
        caches_[cache_count_] = cache;
    }
    return {};
}

bool PageAllocator::manages(PhysicalAddress address) const {
    const uint64_t frame = address.value >> page_shift;
    for (size_t i = 0; i < zone_count_; ++i) {
        if (frame >= zones_[i].first && frame < zones_[i].end) return true;
    }
    return false;
}

VirtualRange PageAllocator::largest_range() const {
    const auto size = [](const Zone& zone) { return zone.end - zone.first; };
    const Zone& largest = *std::max_element(zones_.begin(), zones_.begin() + zone_count_, [&](auto& a, auto& b) { return size(a) < size(b); });
    return {direct_map(PhysicalAddress{largest.first << page_shift}), direct_map(PhysicalAddress{largest.end << page_shift})};
}

PageAllocator::FreeBlock& PageAllocator::links(const Zone& zone, uint64_t frame, unsigned order) {
    // SAFETY: a free block is ours to write, through the direct map.
    if (order < first_beside) return *direct_map(PhysicalAddress{frame << page_shift}).as<FreeBlock>();
    // SAFETY: the bytes of its pages but the first say nothing, and they are enough.
    const auto behind_first = reinterpret_cast<uintptr_t>(zone.states + (frame - zone.first) + 1);
    return *reinterpret_cast<FreeBlock*>(align_up(behind_first, alignof(FreeBlock)));
}

void PageAllocator::push(const Zone& zone, uint64_t frame, unsigned order) {
    FreeBlock& block = links(zone, frame, order);
    block = {.next = lists_[order], .previous = nullptr, .frame = frame};
    if (block.next) block.next->previous = &block;
    lists_[order] = &block;
    nonempty_ |= 1u << order;
}

// Requires: the block is on this list.
void PageAllocator::remove(const Zone& zone, uint64_t frame, unsigned order) {
    FreeBlock& block = links(zone, frame, order);
    if (block.next) block.next->previous = block.previous;
    if (block.previous) block.previous->next = block.next;
    else lists_[order] = block.next;
    if (!lists_[order]) nonempty_ &= ~(1u << order);
    // No page within the block looks like one that heads a block.
    static_assert(inside == 0);
    if (order >= first_beside) block = {};
}

// Takes a block of `order` off the lists, splitting a larger one if need be. Its byte is left to the caller.
bool PageAllocator::take(unsigned order, uint64_t& frame) {
    const uint32_t candidates = nonempty_ >> order;
    if (candidates == 0) return false;
    unsigned have = order + static_cast<unsigned>(std::countr_zero(candidates));
    frame = lists_[have]->frame;
    const Zone& zone = zone_of(frame);
    remove(zone, frame, have);
    listed_.store(listed_pages() - (uint64_t{1} << order), std::memory_order_relaxed);
    if (have == order) return true;
    const unsigned reported = zone.load(frame) & is_reported;
    while (have > order) {
        --have;
        const uint64_t upper = frame + (uint64_t{1} << have);
        zone.store(upper, is_free | reported | have);
        push(zone, upper, have);
    }
    return true;
}

// Returns a block to the lists and merges it with its buddies.
void PageAllocator::release(const Zone& zone, uint64_t frame, unsigned order) {
    listed_.store(listed_pages() + (uint64_t{1} << order), std::memory_order_relaxed);
    for (; order < maximum_order; ++order) {
        const uint64_t size = uint64_t{1} << order;
        const uint64_t buddy = frame ^ size;
        if (buddy < zone.first || buddy + size > zone.end || !is_free_of(zone.load(buddy), order)) break;
        remove(zone, buddy, order);
        zone.store(std::max(frame, buddy), inside);
        frame = std::min(frame, buddy);
    }
    zone.store(frame, is_free | order);
    push(zone, frame, order);
}

// Fills the cache with a few single pages, from small blocks first, so that large ones stay whole. For ordinary use only if the
// lists still hold all that was promised then. False: nothing has changed. Requires: the cache is locked.
bool PageAllocator::refill(PageCache& cache, Use use) {
    if (cache.count.load(std::memory_order_relaxed) != 0 || closed()) return false;
    sync::Guard guard{lock_};
    if (nonempty_ == 0 || (use == Use::Ordinary && listed_pages() < reserve() + (1u << batch_order))) return false;
    const unsigned order = std::min(unsigned(std::countr_zero(nonempty_)), batch_order);
    uint64_t frame = 0;
    if (!take(order, frame)) return false;
    const Zone& zone = zone_of(frame);
    const uint32_t count = 1u << order;
    for (uint32_t i = 0; i < count; ++i) {
        zone.store(frame + i, is_cached);
        cache.frames[count - 1 - i] = frame + i;
    }
    cache.count.store(count, std::memory_order_relaxed);
    return true;
}

// Returns all but `keep` pages, the oldest first. Requires both locks.
void PageAllocator::drain(PageCache& cache, size_t keep) {
    const size_t count = cache.count.load(std::memory_order_relaxed);
    if (count <= keep) return;
    const size_t surplus = count - keep;
    for (size_t i = 0; i < surplus; ++i) release(zone_of(cache.frames[i]), cache.frames[i], 0);
    for (size_t i = 0; i < keep; ++i) cache.frames[i] = cache.frames[surplus + i];
    cache.count.store(static_cast<uint32_t>(keep), std::memory_order_relaxed);
}

// While it lives all that is free is in the lists, so that it can be counted.
class PageAllocator::ClosedCaches {
public:
    explicit ClosedCaches(PageAllocator& allocator) : allocator_{allocator} {
        allocator.closed_.fetch_add(1, std::memory_order_relaxed);
        // Whoever locks a cache after this sees that it is closed.
        for (PageCache* const cache : allocator.caches()) {
            sync::Guard cache_guard{cache->lock};
            sync::Guard guard{allocator.lock_};
            allocator.drain(*cache, 0);
        }
    }
    ClosedCaches(const ClosedCaches&) = delete;
    ClosedCaches& operator=(const ClosedCaches&) = delete;
    ~ClosedCaches() { allocator_.closed_.fetch_sub(1, std::memory_order_relaxed); }

private:
    PageAllocator& allocator_;
};

// What lies in caches is to spare as long as the lists hold all that was promised.
inline bool PageAllocator::holds(const PageCache& cache, Use use) const {
    return cache.count.load(std::memory_order_relaxed) != 0 && (use == Use::Promised || listed_pages() >= reserve());
}

// Requires: the cache is locked and not empty.
inline PhysicalAddress PageAllocator::pop(PageCache& cache) {
    const uint32_t count = cache.count.load(std::memory_order_relaxed) - 1;
    cache.count.store(count, std::memory_order_relaxed);
    return allocated(cache.frames[count], 0);
}

// Requires: the cache is locked and not full.
inline void PageAllocator::push_cached(PageCache& cache, const Zone& zone, uint64_t frame) {
    const uint32_t count = cache.count.load(std::memory_order_relaxed);
    zone.store(frame, is_cached);
    cache.frames[count] = frame;
    cache.count.store(count + 1, std::memory_order_relaxed);
}

size_t PageAllocator::allocate_pages(std::span<PhysicalAddress> frames, Use use) {
    PhysicalAddress* next = frames.data();
    PhysicalAddress* const end = next + frames.size();
    {
        PageCache& cache = own_cache();
        sync::Guard guard{cache.lock};
        while (next != end && (holds(cache, use) || refill(cache, use))) {
            uint32_t count = cache.count.load(std::memory_order_relaxed);
            while (next != end && count != 0) *next++ = allocated(cache.frames[--count], 0);
            cache.count.store(count, std::memory_order_relaxed);
        }
    }
    const auto filled = static_cast<size_t>(next - frames.data());
    if (filled != 0 || frames.empty()) return filled;
    const auto frame = allocate_block(0, use);
    if (!frame.ok()) return 0;
    *next = frame.value();
    return 1;
}

Result<PhysicalAddress> PageAllocator::allocate(unsigned order, Use use) {
    if (order != 0) return allocate_block(order, use);
    {
        PageCache& cache = own_cache();
        sync::Guard guard{cache.lock};
        if (holds(cache, use)) return pop(cache);
    }
    PhysicalAddress frame;
    if (allocate_pages({&frame, 1}, use) == 0) return Error{ENOMEM};
    return frame;
}

// Past the caches.
Result<PhysicalAddress> PageAllocator::allocate_block(unsigned order, Use use) {
    require(order <= maximum_order, "page allocator: order out of range");
    const auto block = allocate_listed(order, use);
    if (block.ok()) return block.value();
    const ClosedCaches caches{*this};
    auto listed = allocate_listed(order, use);
    const uint64_t pages = (uint64_t{1} << order) + (use == Use::Ordinary ? reserve() : 0);
    if (listed.ok() || order > largest_reclaimed || !reclaim(pages)) return listed;
    return allocate_listed(order, use);
}

// Has caches of files give back what is missing to so many listed pages, and some more. False: nothing came.
bool PageAllocator::reclaim(uint64_t pages) {
    constexpr uint64_t some_more = 32;
    const uint64_t listed = listed_pages();
    const Reclaimer* const reclaimer = reclaimer_.load(std::memory_order_acquire);
    return reclaimer && reclaimer->reclaim((pages > listed ? pages - listed : 0) + some_more) != 0;
}

Result<PhysicalAddress> PageAllocator::allocate_listed(unsigned order, Use use) {
    sync::Guard guard{lock_};
    uint64_t frame = 0;
    if (use == Use::Ordinary && listed_pages() < reserve() + (uint64_t{1} << order)) return Error{ENOMEM};
    if (!take(order, frame)) return Error{ENOMEM};
    return allocated(frame, order);
}

void PageAllocator::free(PhysicalAddress block, unsigned order) {
    const uint64_t frame = block.value >> page_shift;
    const Zone& zone = zone_of(frame);
    require(zone.load(frame) == (is_allocated | order), "page allocator: freed block is not allocated");
    if (order == 0) {
        PageCache& cache = own_cache();
        sync::Guard guard{cache.lock};
        if (cache.count.load(std::memory_order_relaxed) != PageCache::capacity && !closed()) return push_cached(cache, zone, frame);
    }
    free_to_lists(zone, frame, order);
}

// A block, or a page for which the cache has no room: half of what is there goes too.
void PageAllocator::free_to_lists(const Zone& zone, uint64_t frame, unsigned order) {
    PageCache& cache = own_cache();
    sync::Guard cache_guard{cache.lock};
    sync::Guard guard{lock_};
    if (order == 0) drain(cache, PageCache::capacity / 2);
    release(zone, frame, order);
}

void PageAllocator::split(PhysicalAddress block, unsigned order) {
    const uint64_t frame = block.value >> page_shift;
    const Zone& zone = zone_of(frame);
    require(zone.load(frame) == (is_allocated | order), "page allocator: split block is not allocated");
    for (uint64_t i = 0; i < uint64_t{1} << order; ++i) zone.store(frame + i, is_allocated);
}

unsigned PageAllocator::order_of(PhysicalAddress block) const {
    const uint64_t frame = block.value >> page_shift;
    const uint8_t state = zone_of(frame).load(frame);
    require((state & ~order_mask) == is_allocated, "page allocator: block is not allocated");
    return state & order_mask;
}

bool PageAllocator::promise(uint64_t pages, uint64_t spare) {
    if (promise_listed(pages, spare)) return true;
    const ClosedCaches caches{*this};
    if (promise_listed(pages, spare)) return true;
    return reclaim(with_tables(pages) + spare) && promise_listed(pages, spare);
}

bool PageAllocator::promise_listed(uint64_t pages, uint64_t spare) {
    sync::Guard guard{lock_};
    if (listed_pages() < with_tables(pages) + spare) return false;
    set_promised(pages);
    return true;
}

uint64_t PageAllocator::free_pages() const {
    uint64_t pages = listed_pages();
    for (const PageCache* const cache : caches()) pages += cache->count.load(std::memory_order_relaxed);
    return pages;
}

bool PageAllocator::make_room() {
    constexpr uint64_t some = 64;
    const Reclaimer* const reclaimer = reclaimer_.load(std::memory_order_acquire);
    return reclaimer && reclaimer->make_room(some) != 0;
}

uint64_t PageAllocator::idle_pages() const {
    const uint64_t free = free_pages();
    return free > reserve() ? free - reserve() : 0;
}

uint64_t PageAllocator::available_pages() const { return idle_pages() + reclaimable_pages(); }

uint64_t PageAllocator::reclaimable_pages() const {
    const Reclaimer* const reclaimer = reclaimer_.load(std::memory_order_acquire);
    return reclaimer ? reclaimer->reclaimable() : 0;
}

uint64_t PageAllocator::unwritten_pages() const {
    const Reclaimer* const reclaimer = reclaimer_.load(std::memory_order_acquire);
    return reclaimer ? reclaimer->unwritten() : 0;
}

}  // namespace eremite::mm
