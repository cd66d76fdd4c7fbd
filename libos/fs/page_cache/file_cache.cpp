#include "libos/fs/page_cache/file_cache.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "libos/fs/page_cache/memory.hpp"
#include "libos/fs/page_cache/pages.hpp"
#include "libos/fs/page_cache/slot.hpp"

namespace eremite::fs {

namespace {

// Pages that a read copies between two looks at the tree.
constexpr size_t copied_at_once = 16;
// An access to a mapping that goes on nowhere known brings a few neighbours along.
constexpr size_t pages_around_fault = 4;

}  // namespace

FileCache::FileCache(mm::MemoryObject& owner, PageStore& store, const FileSystem& file_system)
    : owner_{owner}, store_{store}, file_system_{file_system} {}

FileCache::~FileCache() {
    page_cache::remove(*this);
    page_cache::count_cached(-static_cast<int64_t>(pages_.count()));
    pages_.remove(0, UINT64_MAX, page_cache::free);
}

// How many pages to read at `index`, where `wanted` are asked for: twice as many each time as long as reads go on where the last one ended.
FileCache::Window FileCache::window_at(uint64_t index, size_t wanted) {
    window_ = index == expected_ ? std::max(window_ * 2, wanted) : wanted;
    window_ = std::min(window_, largest_request);
    const size_t count = std::min<uint64_t>(window_, pages_for(size()) - index);
    expected_ = index + count;
    return {index, count};
}

// Reads pages from `index` on that are not here, of which `wanted` are sure to be used. After success the page was there, or is being
// read by somebody else.
Result<void> FileCache::fill(uint64_t index, size_t wanted) {
    std::array<PhysicalAddress, largest_request> frames;
    Window window{};
    {
        const sync::Guard guard{lock_};
        while (dropping_) wait_for_change();
        if (index >= pages_for(size()) || pages_.find(index)) return {};
        window = window_at(index, wanted);
        const uint64_t present = pages_.next_present(index);
        window.count = std::min<uint64_t>(window.count, present - index);
    }
    const size_t allocated = page_cache::allocate({frames.data(), window.count});
    if (allocated == 0) return Error{ENOMEM};
    size_t count = 0;
    bool room = true;
    {
        const sync::Guard guard{lock_};
        const uint64_t end = dropping_ ? 0 : pages_for(size());
        for (; count < allocated && index + count < end && !pages_.find(index + count); ++count) {
            room = pages_.insert(index + count, frames[count]).ok();
            if (!room) break;
            *pages_.slot(index + count) |= slot::reading;
        }
        count_new_pages(count);
    }
    for (size_t i = count; i < allocated; ++i) page_cache::free(frames[i]);
    if (count == 0 && !room) return Error{ENOMEM};
    if (count == 0) return {};
    auto result = store_.read_pages(index * page_size, {frames.data(), count});
    if (result.ok()) {
        const size_t there = std::min(result.value(), count * page_size);
        for (size_t i = there / page_size; i < count; ++i) {
            const size_t kept = i == there / page_size ? there % page_size : 0;
            std::memset(bytes_of(frames[i]) + kept, 0, page_size - kept);
        }
    }
    const sync::Guard guard{lock_};
    finish_reading(index, count, result);
    if (!result.ok()) return result.error();
    return {};
}

// Requires: the lock.
void FileCache::count_new_pages(size_t count) {
    page_cache::count_cached(static_cast<int64_t>(count));
    if (count != 0 && !std::exchange(listed_, true)) page_cache::add(*this);
}

void FileCache::finish_reading(uint64_t first, size_t count, const Result<size_t>& result) {
    if (result.ok()) {
        for (size_t i = 0; i < count; ++i) *pages_.slot(first + i) &= ~slot::reading;
    } else {
        pages_.remove(first, first + count - 1, page_cache::free);
        page_cache::count_cached(-static_cast<int64_t>(count));
    }
    changed_.wake_all();
}

// Pins pages from `index` on that are here, and returns how many.
size_t FileCache::pin(uint64_t index, std::span<PhysicalAddress> frames) {
    size_t count = 0;
    for (; count < frames.size() && !dropping_; ++count) {
        uint64_t* const page = pages_.slot(index + count);
        if (!page || (*page & slot::reading) != 0 || slot::pins(*page) == slot::most_pins) break;
        *page = ((*page | slot::referenced) & ~slot::evicting) + slot::one_pin;
        frames[count] = slot::frame(*page);
    }
    return count;
}

void FileCache::unpin(uint64_t index, size_t count) {
    for (size_t i = 0; i < count; ++i) *pages_.slot(index + i) -= slot::one_pin;
    changed_.wake_all();
}

Result<size_t> FileCache::read(uint64_t offset, IoBuffer& buffer) {
    std::array<PhysicalAddress, copied_at_once> frames;
    size_t done = 0;
    for (uint64_t end; buffer.remaining() > 0 && offset < (end = size()) && !buffer.faulted();) {
        const uint64_t index = offset / page_size;
        const uint64_t wanted = pages_for(offset % page_size + std::min<uint64_t>(buffer.remaining(), end - offset));
        size_t pinned = 0;
        bool absent = false;
        {
            const sync::Guard guard{lock_};
            pinned = pin(index, {frames.data(), std::min<uint64_t>(wanted, frames.size())});
            absent = pinned == 0 && !dropping_ && !pages_.find(index);
            if (pinned == 0 && !absent) wait_for_change();
        }
        if (absent) {
            const auto filled = fill(index, std::min<uint64_t>(wanted, largest_request));
            if (!filled.ok()) return done != 0 ? Result<size_t>{done} : filled.error();
        }
        for (size_t i = 0; i < pinned && !buffer.faulted(); ++i) {
            const uint64_t in_page = offset % page_size;
            const size_t piece = std::min({page_size - in_page, end - offset, uint64_t{buffer.remaining()}});
            const size_t copied = buffer.put(bytes_of(frames[i]) + in_page, piece);
            done += copied;
            offset += copied;
        }
        if (pinned == 0) continue;
        const sync::Guard guard{lock_};
        unpin(index, pinned);
    }
    if (done == 0 && buffer.faulted()) return Error{EFAULT};
    return done;
}

Result<PhysicalAddress> FileCache::page(uint64_t index, bool for_write) {
    const sync::Guard guard{lock_};
    if (index >= pages_for(size())) return Error{ENXIO};
    uint64_t* const page = dropping_ ? nullptr : pages_.slot(index);
    if (!page || (*page & slot::reading) != 0) return Error{EAGAIN};
    if (for_write && (*page & slot::dirty) == 0) {
        if (page_cache::too_dirty() || !store_.has_room()) return Error{EAGAIN};
        mark_dirty(index, *page);
    }
    *page = (*page | slot::referenced) & ~slot::evicting;
    return slot::frame(*page);
}

// Whatever is wrong with the store or its medium, the access fails (SIGBUS).
Result<void> FileCache::fetch(uint64_t index, bool for_write) {
    const auto fetched = bring(index, for_write);
    if (fetched.ok() || fetched.code() == ENXIO || fetched.code() == ENOMEM) return fetched;
    return Error{EIO};
}

Result<void> FileCache::bring(uint64_t index, bool for_write) {
    if (for_write) {
        throttle();
        TRY(store_.prepare_write(index * page_size, page_size));
    }
    for (;;) {
        {
            const sync::Guard guard{lock_};
            for (;;) {
                if (index >= pages_for(size())) return Error{ENXIO};
                uint64_t* const page = pages_.slot(index);
                if (!dropping_ && !page) break;
                if (!dropping_ && (*page & slot::reading) == 0) {
                    // The room that was made is this page's.
                    if (for_write) mark_dirty(index, *page);
                    return {};
                }
                wait_for_change();
            }
        }
        TRY(fill(index, pages_around_fault));
    }
}

bool FileCache::mapped_anywhere() {
    const sync::Guard guard{lock_};
    return mappings_ != 0;
}

uint64_t FileCache::dirty_pages() {
    const sync::Guard guard{lock_};
    return dirty_;
}

void FileCache::mapped() {
    const sync::Guard guard{lock_};
    if (mappings_++ == 0) mapping_cursor_ = unseen_error();
}

void FileCache::unmapped() {
    const sync::Guard guard{lock_};
    --mappings_;
}

}  // namespace eremite::fs
