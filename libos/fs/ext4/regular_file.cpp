#include "libos/fs/ext4/regular_file.hpp"

#include <algorithm>

#include "libos/fs/page_cache/cached_file.hpp"
#include "libos/fs/page_cache/memory.hpp"

namespace eremite::fs::ext4 {

class RegularFile::OpenFile final : public CachedFile {
public:
    OpenFile(Ref<RegularFile> file, uint32_t flags) : CachedFile{file, file->cache_, flags} { file->open_files_.fetch_add(1, std::memory_order_relaxed); }
    ~OpenFile() override {
        // SAFETY: the constructor was given one.
        static_cast<RegularFile&>(*inode_ref()).open_files_.fetch_sub(1, std::memory_order_relaxed);
    }
};

Result<Ref<File>> RegularFile::open(uint32_t flags) { return Ref<File>{TRY(make_ref<OpenFile>(Ref<RegularFile>::share(this), flags))}; }

Result<void> RegularFile::appear() {
    TRY(load());
    (void)cache_.revalidate(EXT2_I_SIZE(&inode()), 0, cache_.changes());
    return {};
}

void RegularFile::fill(Attributes& attributes) {
    attributes.size = cache_.size();
    // Pages that have no place yet will take one, as far as the file has room for them.
    constexpr uint64_t sector = block::sector_size;
    const uint64_t waiting = cache_.dirty_pages() * (page_size / sector), whole = align_up(attributes.size, page_size) / sector;
    if (attributes.blocks < whole) attributes.blocks = std::min(attributes.blocks + waiting, whole);
}

Result<size_t> RegularFile::read(uint64_t& position, IoBuffer& buffer) {
    TRY(buffer.check(position));
    const size_t done = TRY(cache_.read(position, buffer));
    position += done;
    accessed();
    return done;
}

Result<size_t> RegularFile::write(uint64_t& position, IoBuffer& buffer, bool append) {
    TRY(buffer.check(position));
    if (buffer.remaining() == 0) return size_t{0};
    uint64_t at = position;
    if (!append) {
        if (at >= data_.longest()) return Error{EFBIG};
        buffer.limit(data_.longest() - at);
    }
    const size_t done = TRY(cache_.write(at, buffer, append));
    position = at + done;
    note_write();
    owner_.changed();
    return done;
}

Result<void> RegularFile::truncate(uint64_t size) { return cache_.truncate(size); }

Result<void> RegularFile::allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) {
    if (mode == AllocateMode::Allocate) {
        const sched::MutexGuard guard{map_};
        TRY(data_.allocate(mode, offset, length));
    } else {
        const FileCache::Emptied emptied{cache_};
        TRY(emptied.result());
        const sched::MutexGuard guard{map_};
        TRY(data_.allocate(mode, offset, length));
    }
    return keep_size ? Result<void>{} : cache_.extend(offset + length);
}

Result<uint64_t> RegularFile::seek_data(uint64_t offset, bool hole) {
    TRY(cache_.write_back());
    return data_.seek(offset, hole);
}

Result<void> RegularFile::synchronize(bool data_only) {
    const auto written = cache_.write_back();
    TRY(Node::synchronize(data_only));
    return written.ok() ? Result<void>{} : Result<void>{written.error()};
}

Result<PhysicalAddress> RegularFile::page(uint64_t index, bool for_write) {
    auto found = cache_.page(index, for_write);
    if (for_write && found.ok()) {
        note_write();
        owner_.changed();
    }
    return found;
}

Result<void> RegularFile::synchronize_pages(uint64_t first, uint64_t count) {
    TRY(cache_.synchronize_pages(first, count));
    return Node::synchronize(true);
}

// What waits to be written need not be if nobody has the file but those who took the name away, and dirty pages.
void RegularFile::lost_name() {
    const uint32_t known = cache_.dirty() ? 3 : 2;
    if (links() != 0 || linkable_ || open_files_.load(std::memory_order_relaxed) != 0 || cache_.mapped_anywhere() || reference_count() > known) return;
    abandoned_.store(true, std::memory_order_relaxed);
    (void)cache_.write_back();
}

Result<void> RegularFile::write_scattered(std::span<const Pages> places) {
    if (abandoned_.load(std::memory_order_relaxed)) return {};
    const sched::MutexGuard guard{map_};
    TRY(data_.write(places));
    return settle_times();
}

Result<size_t> RegularFile::prepare_write(uint64_t offset, size_t length) {
    if (volume().read_only()) return Error{EROFS};
    if (owner_.expect_room(length)) return length;
    if (!data_.has_extents()) owner_.expect_unplaced();
    const sched::MutexGuard guard{map_};
    return data_.prepare(offset, length);
}

Result<void> RegularFile::store_size(uint64_t size) {
    const sched::MutexGuard guard{map_};
    return data_.set_size(size);
}

}  // namespace eremite::fs::ext4
