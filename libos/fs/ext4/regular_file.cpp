#include "libos/fs/ext4/regular_file.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ext4 {

// Memory through which bytes pass.
class RegularFile::Pages {
public:
    explicit Pages(size_t wanted) {
        wanted = std::clamp<size_t>(wanted, 1, most);
        while (count_ < wanted) {
            const auto page = mm::page_allocator().allocate(0);
            if (!page.ok()) break;
            frames_[count_++] = page.value();
        }
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    ~Pages() {
        for (size_t i = 0; i < count_; ++i) mm::page_allocator().free(frames_[i], 0);
    }
    [[nodiscard]] size_t size() const { return count_ * page_size; }
    [[nodiscard]] std::span<const PhysicalAddress> frames(size_t bytes) const { return std::span{frames_}.first((bytes + page_size - 1) / page_size); }
    template <typename Function>
    size_t for_each_piece(size_t begin, size_t end, Function&& with) const {
        size_t at = begin;
        while (at < end) {
            const size_t piece = std::min(end - at, page_size - at % page_size);
            const size_t done = with(direct_map(frames_[at / page_size] + at % page_size).template as<uint8_t>(), piece);
            at += done;
            if (done < piece) break;
        }
        return at - begin;
    }

private:
    static constexpr size_t most = 32;
    std::array<PhysicalAddress, most> frames_;
    size_t count_ = 0;
};

uint64_t RegularFile::size() {
    const sched::MutexGuard guard{volume().mutex()};
    return EXT2_I_SIZE(&inode());
}

Result<size_t> RegularFile::read(uint64_t& position, IoBuffer& buffer) {
    size_t done = 0;
    {
        const sched::MutexGuard guard{contents_};
        const uint64_t end = size();
        if (position >= end) return size_t{0};
        buffer.limit(end - position);
        const Pages pages{(buffer.remaining() + position % page_size + page_size - 1) / page_size};
        if (pages.size() == 0) return Error{ENOMEM};
        while (buffer.remaining() > 0) {
            const uint64_t start = align_down(position, page_size);
            const size_t skipped = position - start, piece = std::min(buffer.remaining(), pages.size() - skipped);
            const auto got = data_.read(start, pages.frames(skipped + piece));
            if (!got.ok() && done == 0) return got.error();
            if (!got.ok() || got.value() <= skipped) break;
            const size_t end_of_piece = std::min(skipped + piece, got.value());
            const size_t copied = pages.for_each_piece(skipped, end_of_piece, [&](const uint8_t* bytes, size_t size) { return buffer.put(bytes, size); });
            done += copied;
            position += copied;
            if (copied < end_of_piece - skipped) break;
        }
    }
    if (done == 0 && buffer.faulted()) return Error{EFAULT};
    accessed();
    return done;
}

// Of the first and the last page what is around the bytes stays.
Result<size_t> RegularFile::write_piece(uint64_t offset, Pages& pages, IoBuffer& buffer) {
    const uint64_t start = align_down(offset, page_size), old_size = size();
    const size_t skipped = offset - start, piece = std::min(buffer.remaining(), pages.size() - skipped), end = skipped + piece;
    const size_t last = align_down(end, page_size);
    const auto frames = pages.frames(end);
    if (skipped != 0 || end < page_size) TRY(data_.read(start, frames.first(1)));
    if (end != last && last != 0) TRY(data_.read(start + last, frames.subspan(last / page_size)));
    size_t taken = pages.for_each_piece(skipped, end, [&](uint8_t* bytes, size_t size) { return buffer.take(bytes, size); });
    // After a fault, the page in which it was met does not count.
    if (taken < piece) taken = std::max<size_t>(align_down(skipped + taken, page_size), skipped) - skipped;
    if (taken == 0) return size_t{0};
    const uint64_t whole = align_up(skipped + taken, page_size);
    const uint64_t length = std::min<uint64_t>(whole, std::max(old_size, start + skipped + taken) - start);
    TRY(data_.write(start, frames.first(whole / page_size), length));
    return taken;
}

Result<size_t> RegularFile::write(uint64_t& position, IoBuffer& buffer, bool append) {
    const sched::MutexGuard guard{contents_};
    if (append) position = size();
    if (position > INT64_MAX - buffer.remaining()) return Error{EFBIG};
    Pages pages{(buffer.remaining() + position % page_size + page_size - 1) / page_size};
    if (pages.size() == 0) return Error{ENOMEM};
    size_t done = 0;
    while (buffer.remaining() > 0) {
        const auto taken = write_piece(position, pages, buffer);
        if (!taken.ok() && done == 0) return taken.error();
        if (!taken.ok() || taken.value() == 0) break;
        done += taken.value();
        position += taken.value();
    }
    if (done == 0 && buffer.faulted()) return Error{EFAULT};
    return done;
}

Result<void> RegularFile::truncate(uint64_t size) {
    const sched::MutexGuard guard{contents_};
    return data_.set_size(size);
}

Result<void> RegularFile::allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) {
    const sched::MutexGuard guard{contents_};
    return data_.allocate(mode, offset, length, keep_size);
}

}  // namespace eremite::fs::ext4
