#include "libos/fs/dev/disk_file.hpp"

#include <linux/fs.h>
#include <unistd.h>

#include <algorithm>

#include "libos/block/device.hpp"
#include "libos/drivers/virtio_blk.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/sched/mutex.hpp"

namespace eremite::fs::dev {

namespace {

constexpr uint32_t permissions = 0660;

// Past any cache: what is written is with the device when write() returns. Bytes go through a buffer of the file's own, since the
// program's memory need not be in one piece, nor stay where it is.
class DiskFile final : public InodeFile {
public:
    DiskFile(Ref<Inode> node, uint32_t flags, block::Device& disk, PhysicalAddress buffer)
        : InodeFile{std::move(node), flags}, disk_{disk}, buffer_{buffer} {}
    ~DiskFile() override { mm::page_allocator().free(buffer_, buffer_order); }

    static constexpr unsigned buffer_order = 4;

    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override {
        const sched::MutexGuard guard{mutex_};
        return transfer(position_, buffer, false);
    }
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override {
        const sched::MutexGuard guard{mutex_};
        return lasting(transfer(position_, buffer, true));
    }
    [[nodiscard]] Result<size_t> read_at(uint64_t offset, IoBuffer& buffer) override {
        const sched::MutexGuard guard{mutex_};
        return transfer(offset, buffer, false);
    }
    [[nodiscard]] Result<size_t> write_at(uint64_t offset, IoBuffer& buffer) override {
        const sched::MutexGuard guard{mutex_};
        return lasting(transfer(offset, buffer, true));
    }
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool) override { return write_at(size(), buffer); }

    [[nodiscard]] Result<uint64_t> seek(int64_t offset, int whence) override {
        const sched::MutexGuard guard{mutex_};
        const uint64_t base = whence == SEEK_CUR ? position_ : whence == SEEK_END ? size() : 0;
        if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END) return Error{EINVAL};
        int64_t target;
        if (__builtin_add_overflow(static_cast<int64_t>(base), offset, &target) || target < 0) return Error{EINVAL};
        position_ = static_cast<uint64_t>(target);
        return position_;
    }

    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override {
        const VirtualAddress at{argument};
        const auto give = [at](auto value) -> Result<long> {
            TRY(mm::copy_to_user(at, &value, sizeof value));
            return 0L;
        };
        switch (request) {
            case BLKGETSIZE64: return give(uint64_t{size()});
            case BLKGETSIZE: return give(uint64_t{disk_.limits().sectors});
            case BLKSSZGET: return give(static_cast<int>(disk_.limits().block_size));
            case BLKBSZGET: return give(static_cast<int>(page_size));
            case BLKROGET: return give(static_cast<int>(disk_.limits().read_only));
            case BLKFLSBUF: TRY(disk_.flush()); return 0L;
            case BLKDISCARD: return discard(at);
            default: return Error{ENOTTY};
        }
    }
    [[nodiscard]] Result<Ref<mm::MemoryObject>> memory_object() override { return Error{ENODEV}; }
    [[nodiscard]] Result<void> synchronize(bool) override { return disk_.flush(); }

private:
    [[nodiscard]] uint64_t size() const { return disk_.limits().sectors * block::sector_size; }

    Result<size_t> lasting(const Result<size_t>& written) {
        if (!written.ok()) return written.error();
        if ((flags() & O_DSYNC) != 0) TRY(disk_.flush());
        return written.value();
    }

    // `position` moves on. Requires: the mutex.
    Result<size_t> transfer(uint64_t& position, IoBuffer& buffer, bool write) {
        if (position >= size()) return write && buffer.remaining() > 0 ? Result<size_t>{Error{ENOSPC}} : Result<size_t>{size_t{0}};
        buffer.limit(size() - position);
        size_t done = 0;
        while (buffer.remaining() > 0) {
            const auto piece = transfer_piece(position, buffer, write);
            if (!piece.ok() && done == 0) return piece.error();
            if (!piece.ok() || piece.value() == 0) break;
            done += piece.value();
            position += piece.value();
        }
        if (done == 0 && buffer.faulted()) return Error{EFAULT};
        return done;
    }

    // What of the transfer fits into the buffer: whole blocks are moved.
    Result<size_t> transfer_piece(uint64_t position, IoBuffer& buffer, bool write) {
        const uint64_t unit = disk_.limits().block_size, first = position / unit * unit;
        const uint64_t end = std::min<uint64_t>((position + buffer.remaining() + unit - 1) / unit * unit, first + (page_size << buffer_order));
        const size_t skipped = position - first, length = std::min<uint64_t>(end - position, buffer.remaining());
        const block::Segment segment{buffer_, static_cast<uint32_t>(end - first)};
        uint8_t* const bytes = direct_map(buffer_).as<uint8_t>();
        const bool whole = skipped == 0 && length == end - first;
        if (!write || !whole) TRY(disk_.read(first / block::sector_size, {&segment, 1}));
        if (!write) return buffer.put(bytes + skipped, length);
        const size_t taken = buffer.take(bytes + skipped, length);
        // A fault in the middle of what was not read first: only whole blocks can be written.
        const size_t kept = whole && taken < length ? taken / unit * unit : taken;
        if (kept == 0) return size_t{0};
        const block::Segment written{buffer_, static_cast<uint32_t>(whole ? kept : end - first)};
        TRY(disk_.write(first / block::sector_size, {&written, 1}));
        return kept;
    }

    Result<long> discard(VirtualAddress at) {
        uint64_t range[2];
        TRY(mm::copy_from_user(range, at, sizeof range));
        if (!writable()) return Error{EBADF};
        if ((range[0] | range[1]) % block::sector_size != 0) return Error{EINVAL};
        if (disk_.limits().discard_sectors == 0) return Error{EOPNOTSUPP};
        TRY(disk_.discard(range[0] / block::sector_size, range[1] / block::sector_size));
        return 0L;
    }

    block::Device& disk_;
    const PhysicalAddress buffer_;
    sched::Mutex mutex_;  // for the position and the buffer
    uint64_t position_ = 0;
};

}  // namespace

Result<Ref<File>> open_disk(Ref<Inode> node, uint32_t flags, uint64_t device_number) {
    const uint32_t minor = minor_of(device_number);
    if (major_of(device_number) != disk_major || minor % disk_minors != 0) return Error{ENXIO};
    block::Device* const disk = TRY(drivers::virtio_disk(minor / disk_minors));
    if (disk->limits().read_only && ((flags + 1) & 2) != 0) return Error{EACCES};
    const PhysicalAddress buffer = TRY(mm::page_allocator().allocate(DiskFile::buffer_order));
    auto file = make_ref<DiskFile>(std::move(node), flags, *disk, buffer);
    if (!file.ok()) {
        mm::page_allocator().free(buffer, DiskFile::buffer_order);
        return file.error();
    }
    return Ref<File>{std::move(file).value()};
}

Result<void> add_disks(Inode& directory) {
    const size_t count = drivers::start_virtio_disks();
    char name[] = "vda";
    for (size_t i = 0; i < count; ++i, ++name[2])
        TRY(directory.create({name, 3}, {S_IFBLK | permissions, device_number(disk_major, static_cast<uint32_t>(i * disk_minors))}));
    return {};
}

}  // namespace eremite::fs::dev
