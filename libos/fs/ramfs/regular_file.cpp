#include "libos/fs/ramfs/regular_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "libos/mm/address_space.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/mm/zero_page.hpp"

namespace eremite::fs::ramfs {

namespace {

constexpr uint64_t pages_for(uint64_t bytes) { return bytes / page_size + (bytes % page_size != 0); }

uint8_t* bytes_of(PhysicalAddress frame) { return direct_map(frame).as<uint8_t>(); }

Result<PhysicalAddress> allocate_frame() {
    if (!FileSystem::has_room()) return Error{ENOSPC};
    auto frame = mm::page_allocator().allocate(0);
    if (!frame.ok()) return Error{ENOSPC};
    return *frame;
}

void free_frame(PhysicalAddress frame) { mm::page_allocator().free(frame, 0); }

}  // namespace

RegularFile::~RegularFile() { pages_.remove(0, UINT64_MAX, free_frame); }

void RegularFile::fill(Attributes& attributes) {
    const sync::Guard guard{pages_lock_};
    attributes.size = size_.load(std::memory_order_relaxed);
    attributes.blocks = pages_.count() * (page_size / 512);
}

PageTree::Frame RegularFile::frame(uint64_t index) {
    const sync::Guard guard{pages_lock_};
    return pages_.find(index);
}

Result<size_t> RegularFile::read(uint64_t& position, IoBuffer& buffer) {
    const sync::Guard guard{file_lock_};
    const uint64_t size = size_.load(std::memory_order_relaxed);
    uint64_t offset = position;
    size_t done = 0;
    TRY(buffer.check(offset));
    while (offset < size && buffer.remaining() > 0) {
        const uint64_t in_page = offset % page_size;
        const size_t piece = std::min({page_size - in_page, size - offset, uint64_t{buffer.remaining()}});
        const PageTree::Frame source = frame(offset / page_size);
        const size_t copied = source ? buffer.put(bytes_of(source.address()) + in_page, piece) : buffer.put_zeros(piece);
        done += copied;
        offset += copied;
        if (copied < piece) break;
    }
    if (done == 0 && buffer.faulted()) return Error{EFAULT};
    position = offset;
    touch_access();
    return done;
}

// Writes within one page.
Result<size_t> RegularFile::write_page(uint64_t offset, size_t size, IoBuffer& buffer) {
    const PageTree::Frame target = frame(offset / page_size);
    if (!target) return write_new_page(offset, size, buffer);
    return buffer.take(bytes_of(target.address()) + offset % page_size, size);
}

// The page is filled before it becomes visible. A fault in a mapping of this file may give the page a frame meanwhile;
// then the bytes move there.
Result<size_t> RegularFile::write_new_page(uint64_t offset, size_t size, IoBuffer& buffer) {
    const uint64_t in_page = offset % page_size;
    const PhysicalAddress fresh = TRY(allocate_frame());
    uint8_t* const bytes = bytes_of(fresh);
    const size_t taken = buffer.take(bytes + in_page, size);
    if (taken == 0) {
        free_frame(fresh);
        return size_t{0};
    }
    std::memset(bytes, 0, in_page);
    std::memset(bytes + in_page + taken, 0, page_size - in_page - taken);
    const sync::Guard guard{pages_lock_};
    if (const PageTree::Frame other = pages_.find(offset / page_size)) [[unlikely]] {
        std::memcpy(bytes_of(other.address()) + in_page, bytes + in_page, taken);
        free_frame(fresh);
        return taken;
    }
    if (!pages_.insert(offset / page_size, fresh).ok()) {
        free_frame(fresh);
        return Error{ENOSPC};
    }
    return taken;
}

Result<size_t> RegularFile::write(uint64_t& position, IoBuffer& buffer, bool append) {
    const sync::Guard guard{file_lock_};
    uint64_t size = size_.load(std::memory_order_relaxed);
    uint64_t offset = append ? size : position;
    TRY(buffer.check(position));
    if (buffer.remaining() == 0) return size_t{0};
    if (offset >= IoBuffer::size_maximum) return Error{EFBIG};
    buffer.limit(IoBuffer::size_maximum - offset);
    if (const uint32_t seals = seals_.load(std::memory_order_relaxed); (seals & ~uint32_t{F_SEAL_SEAL}) != 0) [[unlikely]] {
        if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) return Error{EPERM};
        if ((seals & F_SEAL_GROW) != 0 && offset + buffer.remaining() > size) return Error{EPERM};
    }
    size_t done = 0;
    while (buffer.remaining() > 0) {
        const size_t piece = std::min<uint64_t>(page_size - offset % page_size, buffer.remaining());
        const auto written = write_page(offset, piece, buffer);
        if (!written.ok()) {
            if (done == 0) return written.error();
            break;
        }
        done += written.value();
        offset += written.value();
        if (offset > size) {
            size = offset;
            size_.store(size, std::memory_order_relaxed);
        }
        if (written.value() < piece) break;
    }
    if (done == 0) return Error{EFAULT};
    position = offset;
    touch_modification();
    return done;
}

// Clears [start, end) in the pages that have frames. Requires: the pages lock.
void RegularFile::zero(uint64_t start, uint64_t end) {
    while (start < end) {
        const uint64_t index = pages_.next_present(start / page_size);
        if (index == PageTree::none || index > (end - 1) / page_size) return;
        start = std::max(start, index * page_size);
        const uint64_t piece = std::min(page_size - start % page_size, end - start);
        std::memset(bytes_of(pages_.find(index).address()) + start % page_size, 0, piece);
        start += piece;
    }
}

// Gives back whole pages. A mapped file keeps them, zeroed, since a mapping may hold any of them.
// Requires: the pages lock.
void RegularFile::release_pages(uint64_t first, uint64_t last) {
    if (first > last) return;
    if (mappings_ == 0) {
        pages_.remove(first, last, free_frame);
        return;
    }
    for (uint64_t i = pages_.next_present(first); i != PageTree::none && i <= last; i = pages_.next_present(i + 1))
        mm::zero_pages(pages_.find(i).address(), 1);
}

Result<void> RegularFile::truncate(uint64_t size) {
    if (size > IoBuffer::size_maximum) return Error{EFBIG};
    const sync::Guard guard{file_lock_};
    const uint64_t old = size_.load(std::memory_order_relaxed);
    const uint32_t seals = seals_.load(std::memory_order_relaxed);
    if ((size < old && (seals & F_SEAL_SHRINK) != 0) || (size > old && (seals & F_SEAL_GROW) != 0)) return Error{EPERM};
    // From now on no fault finds the pages beyond; those that mappings hold go before their frames do.
    size_.store(size, std::memory_order_relaxed);
    if (size < old) {
        if (is_mapped()) mm::kernel_address_space().drop_object_pages(*this, pages_for(size));
        const sync::Guard pages_guard{pages_lock_};
        zero(size, align_up(size, page_size));
        pages_.remove(pages_for(size), UINT64_MAX - 1, free_frame);
    }
    touch_modification();
    return {};
}

Result<void> RegularFile::allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) {
    uint64_t end = 0;
    if (__builtin_add_overflow(offset, length, &end) || end > IoBuffer::size_maximum) return Error{EFBIG};
    const sync::Guard guard{file_lock_};
    const uint32_t seals = seals_.load(std::memory_order_relaxed);
    const uint64_t size = size_.load(std::memory_order_relaxed);
    if (mode == AllocateMode::ZeroRange) return Error{EOPNOTSUPP};
    if (mode == AllocateMode::PunchHole) {
        if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) return Error{EPERM};
        const sync::Guard pages_guard{pages_lock_};
        const uint64_t first = pages_for(offset);
        const uint64_t behind = end / page_size;
        zero(offset, std::min(end, first * page_size));
        if (behind >= first) zero(std::max(offset, behind * page_size), end);
        if (behind > first) release_pages(first, behind - 1);
        touch_modification();
        return {};
    }
    if ((seals & F_SEAL_GROW) != 0 && end > size && !keep_size) return Error{EPERM};
    const uint64_t last = pages_for(end);
    // Refused before the work: nothing has to be undone.
    if (!mm::page_allocator().can_spare(last - offset / page_size)) return Error{ENOSPC};
    for (uint64_t index = offset / page_size; index < last; ++index) {
        const sync::Guard pages_guard{pages_lock_};
        index = pages_.next_absent(index);
        if (index >= last) break;
        const PhysicalAddress fresh = TRY(allocate_frame());
        mm::zero_pages(fresh, 1);
        if (!pages_.insert(index, fresh).ok()) {
            free_frame(fresh);
            return Error{ENOSPC};
        }
    }
    if (!keep_size && end > size) size_.store(end, std::memory_order_relaxed);
    touch_change();
    return {};
}

Result<uint64_t> RegularFile::seek_data(uint64_t offset, bool hole) {
    const sync::Guard guard{file_lock_};
    const sync::Guard pages_guard{pages_lock_};
    const uint64_t size = size_.load(std::memory_order_relaxed);
    if (offset >= size) return Error{ENXIO};
    const uint64_t index = hole ? pages_.next_absent(offset / page_size) : pages_.next_present(offset / page_size);
    const bool beyond = index == PageTree::none || index >= pages_for(size);
    if (beyond && !hole) return Error{ENXIO};
    return beyond ? size : std::max(offset, index * page_size);
}

Result<PhysicalAddress> RegularFile::page(uint64_t index, bool for_write) {
    const sync::Guard guard{pages_lock_};
    if (index >= pages_for(size_.load(std::memory_order_relaxed))) return Error{ENXIO};
    if (for_write) touch_modification();
    if (const PageTree::Frame present = pages_.find(index)) return present.address();
    const auto fresh = allocate_frame();
    if (!fresh.ok()) return Error{ENOMEM};
    mm::zero_pages(fresh.value(), 1);
    if (!pages_.insert(index, fresh.value()).ok()) {
        free_frame(fresh.value());
        return Error{ENOMEM};
    }
    return fresh.value();
}

void RegularFile::mapped() {
    const sync::Guard guard{pages_lock_};
    ++mappings_;
}

bool RegularFile::is_mapped() {
    const sync::Guard guard{pages_lock_};
    return mappings_ != 0;
}

void RegularFile::unmapped() {
    const sync::Guard guard{pages_lock_};
    if (--mappings_ == 0) release_pages(pages_for(size_.load(std::memory_order_relaxed)), UINT64_MAX - 1);
}

Result<void> RegularFile::set_attributes(const AttributeChange& change) {
    const bool sealed = (seals_.load(std::memory_order_relaxed) & seal_executable) != 0;
    if (sealed && change.permissions && ((*change.permissions ^ permissions()) & 0111) != 0) return Error{EPERM};
    return Node::set_attributes(change);
}

Result<void> RegularFile::add_seals(uint32_t seals) {
    const sync::Guard guard{file_lock_};
    if ((seals_.load(std::memory_order_relaxed) & F_SEAL_SEAL) != 0) return Error{EPERM};
    if ((seals & F_SEAL_WRITE) != 0) {
        const sync::Guard pages_guard{pages_lock_};
        if (mappings_ != 0) return Error{EBUSY};
    }
    seals_.fetch_or(seals, std::memory_order_relaxed);
    return {};
}

}  // namespace eremite::fs::ramfs
