// Dirty pages go to the store, and errors of that to those who ask.
#include <algorithm>
#include <array>

#include "libos/fs/page_cache/file_cache.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "libos/fs/page_cache/pages.hpp"
#include "libos/fs/page_cache/slot.hpp"
#include "libos/mm/address_space.hpp"

namespace eremite::fs {

// The first dirty pages within [first, last] that are neighbours; they are being written from now on. Requires: `transfers_` and the lock.
FileCache::Window FileCache::take_dirty(uint64_t first, uint64_t last, std::span<PhysicalAddress> frames) {
    if (dirty_ == 0) return {};
    last = std::min({last, dirty_last_, pages_for(size()) - 1});
    Window window{std::max(first, dirty_first_), 0};
    for (uint64_t i = pages_.next_present(window.first); i != PageTree::none && i <= last; i = pages_.next_present(i + 1)) {
        const bool neighbour = i == window.first + window.count;
        uint64_t& page = *pages_.slot(i);
        if (window.count != 0 && (!neighbour || (page & slot::dirty) == 0 || window.count == frames.size())) break;
        if ((page & slot::dirty) == 0) continue;
        if (window.count == 0) window.first = i;
        page = (page & ~slot::dirty) | slot::writing;
        frames[window.count++] = slot::frame(page);
    }
    dirty_ -= window.count;
    writing_ += window.count;
    page_cache::count_dirty(-static_cast<int64_t>(window.count));
    if (dirty_ == 0) {
        dirty_first_ = UINT64_MAX;
        dirty_last_ = 0;
    }
    return window;
}

// Requires: the lock.
void FileCache::finish_writing(Window window, const Result<void>& result) {
    for (size_t i = 0; i < window.count; ++i) *pages_.slot(window.first + i) &= ~slot::writing;
    writing_ -= window.count;
    if (!result.ok()) {
        error_ = result.code();
        ++error_count_;
        error_seen_ = false;
    }
    changed_.wake_all();
}

// What could not be written together is written one by one, so that each has an error of its own. Requires: `transfers_`.
Result<void> FileCache::write_back_locked(uint64_t first, uint64_t last) {
    constexpr size_t most_windows = 8;
    std::array<PhysicalAddress, largest_request> frames;
    std::array<PageStore::Pages, most_windows> places;
    int error = 0;
    for (;;) {
        size_t count = 0, used = 0;
        bool mapped;
        {
            const sync::Guard guard{lock_};
            for (; first <= last && count < places.size() && used < frames.size(); ++count) {
                const Window window = take_dirty(first, last, std::span{frames}.subspan(used));
                if (window.count == 0) break;
                places[count] = {window.first * page_size, std::span{frames}.subspan(used, window.count), 0};
                used += window.count;
                first = window.first + window.count;
            }
            mapped = mappings_ != 0;
        }
        if (count == 0) break;
        const std::span all = std::span{places}.first(count);
        for (PageStore::Pages& pages : all) {
            // What is written through mappings from now on makes the page dirty again; what was written before is written back now.
            if (mapped) mm::kernel_address_space().write_protect_object_pages(owner_, pages.offset / page_size, pages.frames.size());
            pages.length = std::min(pages.frames.size() * page_size, size() - pages.offset);
        }
        const auto together = store_.write_scattered(all);
        for (const PageStore::Pages& pages : all) {
            const auto result = together.ok() || count == 1 ? together : store_.write_pages(pages.offset, pages.frames, pages.length);
            if (!result.ok() && error == 0) error = result.code();
            const sync::Guard guard{lock_};
            finish_writing({pages.offset / page_size, pages.frames.size()}, result);
        }
    }
    if (error != 0) return Error{error};
    return {};
}

// With nothing left to write the owner is not kept any more: its reference, to be dropped without locks. Requires: the lock.
Ref<mm::MemoryObject> FileCache::settle() {
    if (!holds_owner_ || dirty_ != 0 || writing_ != 0) return {};
    holds_owner_ = false;
    return Ref<mm::MemoryObject>::adopt(&owner_);
}

Result<void> FileCache::write_back(uint64_t first_byte, uint64_t last_byte) {
    Ref<mm::MemoryObject> not_needed;
    const sched::MutexGuard transfers{transfers_};
    auto result = write_back_locked(first_byte / page_size, last_byte / page_size);
    const sync::Guard guard{lock_};
    not_needed = settle();
    return result;
}

Result<void> FileCache::synchronize_pages(uint64_t first, uint64_t count) {
    TRY(write_back(first * page_size, count == 0 ? 0 : (first + count - 1) * page_size));
    // What could not be written before that is not dirty any more.
    return check_error(mapping_cursor_);
}

// As Linux has it: an error that nobody was told of so far is told to those too who open the file later.
uint64_t FileCache::unseen_error() const { return error_seen_ ? error_count_ : error_count_ - 1; }

uint64_t FileCache::error_cursor() {
    const sync::Guard guard{lock_};
    return unseen_error();
}

Result<void> FileCache::check_error(uint64_t& cursor) {
    const sync::Guard guard{lock_};
    if (cursor == error_count_) return {};
    cursor = error_count_;
    error_seen_ = true;
    return Error{error_};
}

}  // namespace eremite::fs
