#include "libos/syscall/file_transfer.hpp"

#include <algorithm>

#include "libos/fs/notify/watch.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr size_t piece_size = 16 * 1024;

// A place in a file: an offset that the program holds, or the description's own position.
class Place {
public:
    [[nodiscard]] Result<void> load(fs::File& file, VirtualAddress pointer) {
        pointer_ = pointer;
        if (pointer.value == 0) {
            offset_ = static_cast<int64_t>(TRY(file.seek(0, SEEK_CUR)));
        } else {
            offset_ = TRY((mm::UserPtr<int64_t>{pointer}.load()));
        }
        return offset_ < 0 ? Result<void>{Error{EINVAL}} : Result<void>{};
    }
    [[nodiscard]] Result<void> store(fs::File& file) const {
        if (pointer_.value != 0) return mm::UserPtr<int64_t>{pointer_}.store(offset_);
        TRY(file.seek(offset_, SEEK_SET));
        return {};
    }
    void advance(size_t size) { offset_ += static_cast<int64_t>(size); }
    [[nodiscard]] uint64_t offset() const { return static_cast<uint64_t>(offset_); }

private:
    VirtualAddress pointer_;
    int64_t offset_ = 0;
};

// Moves up to `count` bytes through a buffer of ours. `to`: where in `out`, or null for its own position.
Result<size_t> transfer(fs::File& in, Place& from, fs::File& out, Place* to, size_t count) {
    const std::unique_ptr<uint8_t[]> bytes{new (std::nothrow) uint8_t[std::min(count, piece_size)]};
    if (!bytes) return Error{ENOMEM};
    size_t done = 0;
    while (done < count) {
        const size_t wanted = std::min(count - done, piece_size);
        fs::IoBuffer room = fs::IoBuffer::kernel({bytes.get(), wanted});
        const auto got = in.read_at(from.offset(), room);
        if (!got.ok()) return done > 0 ? Result<size_t>{done} : got.error();
        if (got.value() == 0) break;
        fs::IoBuffer data = fs::IoBuffer::kernel({bytes.get(), got.value()});
        const auto put = to ? out.write_at(to->offset(), data) : out.write(data);
        if (!put.ok()) return done > 0 ? Result<size_t>{done} : put.error();
        done += put.value();
        from.advance(put.value());
        if (to) to->advance(put.value());
        if (put.value() < got.value()) break;
    }
    return done;
}

void tell(fs::File& source, fs::File& target, size_t done) {
    if (done == 0) return;
    fs::notify::tell(source, IN_ACCESS);
    fs::notify::tell(target, IN_MODIFY);
}

bool is_regular(fs::File& file) { return file.inode() && file.inode()->type() == fs::FileType::Regular; }
bool is_directory(fs::File& file) { return file.inode() && file.inode()->is_directory(); }

}  // namespace

Result<long> sys_sendfile(int out, int in, VirtualAddress offset, size_t count) {
    const Ref<fs::File> source = TRY(get_file(in));
    if (!source->readable()) return Error{EBADF};
    if (offset.value != 0 && !source->positioned()) return Error{ESPIPE};
    if (!source->positioned() || is_directory(*source)) return Error{EINVAL};
    Place from;
    TRY(from.load(*source, offset));
    const Ref<fs::File> target = TRY(get_file(out));
    if (!target->writable()) return Error{EBADF};
    if ((target->flags() & O_APPEND) != 0) return Error{EINVAL};
    const size_t done = count == 0 ? 0 : TRY(transfer(*source, from, *target, nullptr, std::min(count, transfer_maximum)));
    TRY(from.store(*source));
    tell(*source, *target, done);
    return static_cast<long>(done);
}

Result<long> sys_copy_file_range(int in, VirtualAddress in_offset, int out, VirtualAddress out_offset, size_t count, uint32_t flags) {
    const Ref<fs::File> source = TRY(get_file(in));
    const Ref<fs::File> target = TRY(get_file(out));
    if (flags != 0) return Error{EINVAL};
    if (is_directory(*source) || is_directory(*target)) return Error{EISDIR};
    if (!is_regular(*source) || !is_regular(*target)) return Error{EINVAL};
    if (!source->readable() || !target->writable() || (target->flags() & O_APPEND) != 0) return Error{EBADF};
    if (&source->inode()->file_system() != &target->inode()->file_system()) return Error{EXDEV};
    Place from;
    Place to;
    TRY(from.load(*source, in_offset));
    TRY(to.load(*target, out_offset));
    count = std::min(count, transfer_maximum);
    if (source->inode() == target->inode()) {
        const uint64_t distance = from.offset() > to.offset() ? from.offset() - to.offset() : to.offset() - from.offset();
        const uint64_t size = TRY(source->attributes()).size;
        const uint64_t copied = from.offset() >= size ? 0 : std::min<uint64_t>(count, size - from.offset());
        if (distance < copied) return Error{EINVAL};
    }
    if (count == 0) return 0L;
    size_t done = 0;
    const auto copied = source->inode()->copy_range(from.offset(), *target->inode(), to.offset(), count);
    if (copied.ok()) {
        done = copied.value();
        from.advance(done);
        to.advance(done);
    } else {
        if (copied.code() != EOPNOTSUPP) return copied.error();
        done = TRY(transfer(*source, from, *target, &to, count));
    }
    TRY(from.store(*source));
    TRY(to.store(*target));
    tell(*source, *target, done);
    return static_cast<long>(done);
}

}  // namespace eremite::syscall
