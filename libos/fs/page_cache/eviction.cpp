// Clean pages go, those first that were not used since the last time: the clock algorithm with a hand for each file.
#include <algorithm>
#include <array>

#include "libos/fs/page_cache/file_cache.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "libos/fs/page_cache/slot.hpp"
#include "libos/mm/address_space.hpp"

namespace eremite::fs {

namespace {

// Pages of a mapped file that are taken back at once, and how far apart they may lie.
constexpr size_t evicted_at_once = 32;
constexpr uint64_t furthest = 128;

}  // namespace

// Whether the page at the hand may go; one that was used gets a second chance.
bool FileCache::look_at_hand(uint64_t& page) {
    if (!slot::evictable(page)) return false;
    const bool used = (page & slot::referenced) != 0;
    page &= ~slot::referenced;
    return !used;
}

// Called where memory is short, under whatever locks there are: nothing may be allocated or freed here but pages.
size_t FileCache::evict_unmapped(size_t most) {
    if (!lock_.try_lock()) return 0;
    size_t freed = 0;
    // Twice around: what was used the first time is not the second.
    const uint64_t steps = 2 * pages_.count();
    for (uint64_t step = 0; mappings_ == 0 && step < steps && freed < most && pages_.count() != 0; ++step) {
        uint64_t index = pages_.next_present(hand_);
        if (index == PageTree::none) index = pages_.next_present(0);
        hand_ = index + 1;
        uint64_t& page = *pages_.slot(index);
        if (!look_at_hand(page)) continue;
        page_cache::free(slot::frame(page));
        pages_.take_out(page);
        ++freed;
    }
    lock_.unlock();
    page_cache::count_cached(-static_cast<int64_t>(freed));
    return freed;
}

bool FileCache::leave_if_empty() {
    if (!lock_.try_lock()) return false;
    const bool empty = pages_.count() == 0;
    if (empty) listed_ = false;
    lock_.unlock();
    return empty;
}

size_t FileCache::evict(size_t most) {
    size_t freed = 0;
    uint64_t steps;
    {
        const sync::Guard guard{lock_};
        steps = 2 * pages_.count();
    }
    while (steps > 0 && freed < most) {
        std::array<uint64_t, evicted_at_once> chosen;
        size_t count = 0;
        {
            const sync::Guard guard{lock_};
            for (; steps > 0 && count < chosen.size() && freed + count < most; --steps) {
                uint64_t index = pages_.next_present(hand_);
                if (index == PageTree::none) {
                    if (count != 0) break;
                    index = pages_.next_present(0);
                    if (index == PageTree::none) return freed;
                }
                if (count != 0 && index - chosen[0] >= furthest) break;
                hand_ = index + 1;
                uint64_t& page = *pages_.slot(index);
                if (!look_at_hand(page)) continue;
                page |= slot::evicting;
                chosen[count++] = index;
            }
        }
        if (count == 0) continue;
        // A fault that asks for one of them from here on makes it stay.
        const bool released = mm::kernel_address_space().release_object_pages(owner_, chosen[0], chosen[count - 1] - chosen[0] + 1, false);
        size_t gone = 0;
        const sync::Guard guard{lock_};
        for (size_t i = 0; i < count; ++i) {
            uint64_t* const page = pages_.slot(chosen[i]);
            if (!page || (*page & slot::evicting) == 0) continue;
            *page &= ~slot::evicting;
            if (!released || !slot::evictable(*page)) continue;
            page_cache::free(slot::frame(*page));
            pages_.take_out(*page);
            ++gone;
        }
        page_cache::count_cached(-static_cast<int64_t>(gone));
        freed += gone;
    }
    return freed;
}

void FileCache::drop_clean(uint64_t first_byte, uint64_t last_byte) {
    const sync::Guard guard{lock_};
    if (mappings_ != 0) return;
    size_t gone = 0;
    const uint64_t last = last_byte / page_size;
    for (uint64_t i = pages_.next_present(first_byte / page_size); i != PageTree::none && i <= last; i = pages_.next_present(i + 1)) {
        uint64_t& page = *pages_.slot(i);
        if (!slot::evictable(page)) continue;
        page_cache::free(slot::frame(page));
        pages_.take_out(page);
        ++gone;
    }
    page_cache::count_cached(-static_cast<int64_t>(gone));
}

}  // namespace eremite::fs
