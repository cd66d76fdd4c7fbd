// Writing into the cache, and changes of the file's size.
#include <algorithm>
#include <cstring>

#include "libos/fs/page_cache/file_cache.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "libos/fs/page_cache/pages.hpp"
#include "libos/fs/page_cache/slot.hpp"
#include "libos/mm/address_space.hpp"

namespace eremite::fs {

// As long as a page is dirty the owner stays.
void FileCache::mark_dirty(uint64_t index, uint64_t& page) {
    page = (page | slot::referenced) & ~slot::evicting;
    if ((page & slot::dirty) != 0) return;
    page |= slot::dirty;
    ++dirty_;
    page_cache::count_dirty(1);
    dirty_first_ = std::min(dirty_first_, index);
    dirty_last_ = std::max(dirty_last_, index);
    if (holds_owner_) return;
    owner_.acquire();
    holds_owner_ = true;
}

// Who writes pays for what it makes dirty, with other files' pages too if need be.
void FileCache::throttle() {
    while (page_cache::too_dirty()) {
        if (dirty()) (void)write_back();
        else if (!page_cache::write_back_some()) return;
    }
}

bool FileCache::dirty() {
    const sync::Guard guard{lock_};
    return dirty_ != 0 || writing_ != 0;
}

Result<size_t> FileCache::write(uint64_t& offset, IoBuffer& buffer, bool append) {
    const sched::MutexGuard writers{writers_};
    if (append) offset = size();
    if (buffer.remaining() == 0) return size_t{0};
    if (offset >= IoBuffer::size_maximum) return Error{EFBIG};
    buffer.limit(IoBuffer::size_maximum - offset);
    buffer.limit(TRY(store_.prepare_write(offset, buffer.remaining())));
    if (offset > size()) {
        const sync::Guard guard{lock_};
        zero_tail(size());
    }
    size_t done = 0;
    while (buffer.remaining() > 0) {
        throttle();
        const uint64_t at = offset + done;
        const size_t piece = std::min<uint64_t>(page_size - at % page_size, buffer.remaining());
        const auto written = write_piece(at, piece, buffer);
        if (!written.ok()) {
            if (done == 0) return written.error();
            break;
        }
        done += written.value();
        if (written.value() < piece) break;
    }
    if (done == 0) return Error{EFAULT};
    return done;
}

// Requires: the page is here and idle but for pins. Called with the lock held, which is let go while bytes are copied.
size_t FileCache::copy_in(uint64_t index, uint64_t in_page, size_t size, IoBuffer& buffer) {
    uint64_t& page = *pages_.slot(index);
    page += slot::one_pin;
    uint8_t* const bytes = bytes_of(slot::frame(page));
    lock_.unlock();
    const size_t copied = buffer.take(bytes + in_page, size);
    lock_.lock();
    unpin(index, 1);
    if (copied != 0) written(index, in_page + copied);
    return copied;
}

// Bytes of the page up to `end` were written.
void FileCache::written(uint64_t index, uint64_t end) {
    mark_dirty(index, *pages_.slot(index));
    changes_.fetch_add(1, std::memory_order_relaxed);
    if (index * page_size + end > size()) size_.store(index * page_size + end, std::memory_order_relaxed);
}

// Within one page. Requires: `writers_`.
Result<size_t> FileCache::write_piece(uint64_t offset, size_t size, IoBuffer& buffer) {
    const uint64_t index = offset / page_size, in_page = offset % page_size;
    for (;;) {
        const uint64_t file_size = this->size();
        {
            const sync::Guard guard{lock_};
            if (const PageTree::Frame page = pages_.find(index)) {
                if ((page.tagged & slot::reading) == 0 && slot::pins(page.tagged) != slot::most_pins) return copy_in(index, in_page, size, buffer);
                wait_for_change();
                continue;
            }
        }
        // What was in the page does not matter if all of it is overwritten.
        if (index >= pages_for(file_size) || (in_page == 0 && (size == page_size || offset + size >= file_size)))
            return write_new_page(offset, size, buffer);
        TRY(fill(index, 1));
    }
}

// The page is filled before it becomes visible. A fault in a mapping, or a read, may bring it meanwhile: then the bytes move there, as they
// do where the buffer ended early and the rest of the page has to be read.
Result<size_t> FileCache::write_new_page(uint64_t offset, size_t size, IoBuffer& buffer) {
    const uint64_t index = offset / page_size, in_page = offset % page_size;
    PhysicalAddress fresh;
    if (page_cache::allocate({&fresh, 1}) == 0) return Error{ENOMEM};
    struct Frame {
        PhysicalAddress address;
        ~Frame() {
            if (address.value != 0) page_cache::free(address);
        }
    } frame{fresh};
    uint8_t* const bytes = bytes_of(fresh);
    const size_t taken = buffer.take(bytes + in_page, size);
    if (taken == 0) return size_t{0};
    const bool complete = taken == size || index >= pages_for(this->size());
    if (complete) {
        std::memset(bytes, 0, in_page);
        std::memset(bytes + in_page + taken, 0, page_size - in_page - taken);
    }
    for (;;) {
        {
            const sync::Guard guard{lock_};
            const PageTree::Frame other = pages_.find(index);
            if (other && (other.tagged & slot::reading) != 0) {
                wait_for_change();
                continue;
            }
            if (other || complete) {
                if (other) {
                    std::memcpy(bytes_of(slot::frame(other.tagged)) + in_page, bytes + in_page, taken);
                } else {
                    TRY(pages_.insert(index, fresh));
                    count_new_pages(1);
                    frame.address = {};
                }
                written(index, in_page + taken);
                return taken;
            }
        }
        TRY(fill(index, 1));
    }
}

// Clears what stands behind the file's end in its last page, where mappings may have written. Requires: `writers_` and the lock.
void FileCache::zero_tail(uint64_t size) {
    if (size % page_size == 0) return;
    const uint64_t index = size / page_size;
    PageTree::Frame page = pages_.find(index);
    for (; page && (page.tagged & slot::reading) != 0; page = pages_.find(index)) wait_for_change();
    if (page) std::memset(bytes_of(slot::frame(page.tagged)) + size % page_size, 0, page_size - size % page_size);
}

// Until no page from `first` on is being read or copied. Requires: the lock.
void FileCache::wait_until_idle(uint64_t first) {
    for (uint64_t i = pages_.next_present(first); i != PageTree::none; i = pages_.next_present(i + 1))
        while (!slot::idle(pages_.find(i).tagged)) wait_for_change();
}

// Takes out the pages from `first` on. Requires: they are idle, no mapping knows them; the lock.
void FileCache::take_out_from(uint64_t first) {
    const uint64_t before = pages_.count();
    for (uint64_t i = pages_.next_present(first); i != PageTree::none; i = pages_.next_present(i + 1)) {
        if ((pages_.find(i).tagged & slot::dirty) == 0) continue;
        --dirty_;
        page_cache::count_dirty(-1);
    }
    pages_.remove(first, UINT64_MAX, page_cache::free);
    page_cache::count_cached(-static_cast<int64_t>(before - pages_.count()));
}

Result<void> FileCache::truncate(uint64_t size) {
    if (size > IoBuffer::size_maximum) return Error{EFBIG};
    Ref<mm::MemoryObject> not_needed;
    const sched::MutexGuard writers{writers_};
    const sched::MutexGuard transfers{transfers_};
    TRY(truncate_locked(size));
    const sync::Guard guard{lock_};
    not_needed = settle();
    return {};
}

Result<void> FileCache::extend(uint64_t size) {
    if (size > IoBuffer::size_maximum) return Error{EFBIG};
    const sched::MutexGuard writers{writers_};
    const sched::MutexGuard transfers{transfers_};
    return size > this->size() ? truncate_locked(size) : Result<void>{};
}

// Requires: `writers_` and `transfers_`.
Result<void> FileCache::truncate_locked(uint64_t size) {
    const uint64_t old = this->size();
    changes_.fetch_add(1, std::memory_order_relaxed);
    if (size < old) {
        // From now on no fault finds the pages beyond; those that mappings hold go before their frames do.
        size_.store(size, std::memory_order_relaxed);
        mm::kernel_address_space().drop_object_pages(owner_, pages_for(size));
        const sync::Guard guard{lock_};
        wait_until_idle(size / page_size);
    }
    const auto stored = store_.store_size(size);
    if (!stored.ok()) {
        size_.store(old, std::memory_order_relaxed);
        return stored.error();
    }
    const sync::Guard guard{lock_};
    zero_tail(std::min(size, old));
    if (size < old) take_out_from(pages_for(size));
    size_.store(size, std::memory_order_relaxed);
    return {};
}

bool FileCache::has_pages() {
    const sync::Guard guard{lock_};
    return pages_.count() != 0;
}

// Nothing takes a page up from now on. Requires: `writers_` and `transfers_`.
Result<void> FileCache::drop_all() {
    {
        const sync::Guard guard{lock_};
        dropping_ = true;
    }
    (void)mm::kernel_address_space().release_object_pages(owner_, 0, UINT64_MAX, true);
    const auto result = write_back_locked(0, UINT64_MAX);
    const sync::Guard guard{lock_};
    wait_until_idle(0);
    take_out_from(0);
    return result;
}

void FileCache::allow_pages() {
    const sync::Guard guard{lock_};
    dropping_ = false;
    changed_.wake_all();
}

FileCache::Emptied::Emptied(FileCache& cache)
    : cache_{cache}, writers_{cache.writers_}, transfers_{cache.transfers_}, result_{cache.drop_all()} {}

FileCache::Emptied::~Emptied() {
    cache_.allow_pages();
    const sync::Guard guard{cache_.lock_};
    not_needed_ = cache_.settle();
}

Result<void> FileCache::invalidate() {
    const Emptied emptied{*this};
    return emptied.result();
}

bool FileCache::in_use() {
    const sync::Guard guard{lock_};
    return holds_owner_ || mappings_ != 0;
}

bool FileCache::revalidate(uint64_t size, uint64_t version, uint64_t seen) {
    Ref<mm::MemoryObject> not_needed;
    const sched::MutexGuard writers{writers_};
    const sched::MutexGuard transfers{transfers_};
    if (dirty() || changes() != seen) return false;
    const bool changed = version != version_ || size != this->size();
    version_ = version;
    if (!changed) return true;
    // What was written since then goes back first, which cannot fail here but for that: the error is kept for those who ask.
    if (has_pages()) {
        (void)drop_all();
        allow_pages();
    }
    if (size < this->size()) mm::kernel_address_space().drop_object_pages(owner_, pages_for(size));
    const sync::Guard guard{lock_};
    size_.store(size, std::memory_order_relaxed);
    not_needed = settle();
    return true;
}

}  // namespace eremite::fs
