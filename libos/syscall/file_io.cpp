#include "libos/syscall/file_io.hpp"

#include <sys/uio.h>
#include <linux/fs.h>

#include <algorithm>

#include "libos/fs/notify/watch.hpp"
#include "libos/process/process.hpp"
#include "libos/sched/awaited_memory.hpp"
#include "libos/syscall/file_support.hpp"
#include "libos/syscall/file_vectors.hpp"

namespace eremite::syscall {

namespace {

using Operation = Result<size_t> (*)(fs::File&, fs::IoBuffer&, uint64_t offset);
constexpr Operation read_next = [](fs::File& file, fs::IoBuffer& io, uint64_t) { return file.read(io); };
constexpr Operation write_next = [](fs::File& file, fs::IoBuffer& io, uint64_t) { return file.write(io); };
constexpr Operation read_at = [](fs::File& file, fs::IoBuffer& io, uint64_t offset) { return file.read_at(offset, io); };
constexpr Operation write_at = [](fs::File& file, fs::IoBuffer& io, uint64_t offset) { return file.write_at(offset, io); };
constexpr Operation write_end = [](fs::File& file, fs::IoBuffer& io, uint64_t) { return file.write_end(io, false); };
constexpr Operation write_end_moving = [](fs::File& file, fs::IoBuffer& io, uint64_t) { return file.write_end(io, true); };

// Goes on where a transfer, of `done` bytes perhaps, met memory that may have to be waited for. Where further bytes are there, or there is
// room for them, sooner or later, it goes on to the end; else those that were transferred are enough.
[[gnu::cold, gnu::noinline]] Result<long> go_on(Operation operation, bool reads, fs::File& file, fs::IoBuffer& io, uint64_t offset, int error,
                                                size_t done) {
    const bool whole = !reads || file.positioned();
    if (error != 0 && error != EFAULT) return Error{error};
    while (io.faulted() && (done == 0 || whole) && sched::await_memory()) {
        io.resume();
        const auto part = operation(file, io, offset + done);
        if (part.ok()) done += part.value();
        else if (part.code() == EFAULT) continue;
        else if (done == 0) return part.error();
        else break;
    }
    if (done == 0) return Error{EFAULT};
    fs::notify::tell(file, reads ? IN_ACCESS : IN_MODIFY);
    return static_cast<long>(done);
}

template <Operation operation>
[[gnu::always_inline]] inline Result<long> transfer(fs::File& file, fs::IoBuffer& io, uint64_t offset = 0) {
    constexpr bool reads = operation == read_next || operation == read_at;
    constexpr uint32_t event = reads ? IN_ACCESS : IN_MODIFY;
    const auto result = operation(file, io, offset);
    if (io.faulted()) [[unlikely]] return go_on(operation, reads, file, io, offset, result.code(), result.ok() ? result.value() : 0);
    if (!result.ok()) [[unlikely]] return result.error();
    if (result.value() != 0) fs::notify::tell(file, event);
    return static_cast<long>(result.value());
}

Result<Ref<fs::File>> readable_file(int descriptor) {
    auto file = process::current().files().get(descriptor);
    if (file.ok() && !file.value()->readable()) [[unlikely]] return Error{EBADF};
    return file;
}

Result<Ref<fs::File>> writable_file(int descriptor) {
    auto file = process::current().files().get(descriptor);
    if (file.ok() && !file.value()->writable()) [[unlikely]] return Error{EBADF};
    return file;
}

// Flags of preadv2 and pwritev2.
Result<void> check_flags(int flags, bool for_write) {
    constexpr int known = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND;
    if ((flags & ~known) != 0) return Error{EOPNOTSUPP};
    if (!for_write && (flags & RWF_APPEND) != 0) return Error{EOPNOTSUPP};
    return {};
}

}  // namespace

Result<long> sys_read(int descriptor, VirtualAddress buffer, size_t size) {
    const Ref<fs::File> file = TRY(readable_file(descriptor));
    if (!in_user_space(buffer, size)) [[unlikely]] return Error{EFAULT};
    fs::IoBuffer io = fs::IoBuffer::user(buffer, std::min(size, transfer_maximum));
    return transfer<read_next>(*file, io);
}

Result<long> sys_write(int descriptor, VirtualAddress buffer, size_t size) {
    const Ref<fs::File> file = TRY(writable_file(descriptor));
    if (!in_user_space(buffer, size)) [[unlikely]] return Error{EFAULT};
    fs::IoBuffer io = fs::IoBuffer::user(buffer, std::min(size, transfer_maximum));
    return transfer<write_next>(*file, io);
}

Result<long> sys_readv(int descriptor, VirtualAddress vector, long segment_count) {
    const Ref<fs::File> file = TRY(readable_file(descriptor));
    Vectors vectors;
    fs::IoBuffer io = TRY(vectors.load(vector, segment_count));
    return transfer<read_next>(*file, io);
}

Result<long> sys_writev(int descriptor, VirtualAddress vector, long segment_count) {
    const Ref<fs::File> file = TRY(writable_file(descriptor));
    Vectors vectors;
    fs::IoBuffer io = TRY(vectors.load(vector, segment_count));
    return transfer<write_next>(*file, io);
}

Result<long> sys_pread64(int descriptor, VirtualAddress buffer, size_t size, int64_t offset) {
    if (offset < 0) return Error{EINVAL};
    const Ref<fs::File> file = TRY(get_file_or_path(descriptor));
    if (file->path_only()) return Error{EBADF};
    fs::IoBuffer io = fs::IoBuffer::user(buffer, std::min(size, transfer_maximum));
    // Linux tells a stream from a file before it looks at the access mode.
    if (!file->positioned()) return Error{ESPIPE};
    if (!file->readable()) return Error{EBADF};
    if (!in_user_space(buffer, size)) return Error{EFAULT};
    return transfer<read_at>(*file, io, static_cast<uint64_t>(offset));
}

Result<long> sys_pwrite64(int descriptor, VirtualAddress buffer, size_t size, int64_t offset) {
    if (offset < 0) return Error{EINVAL};
    const Ref<fs::File> file = TRY(get_file_or_path(descriptor));
    if (file->path_only()) return Error{EBADF};
    if (!file->positioned()) return Error{ESPIPE};
    if (!file->writable()) return Error{EBADF};
    if (!in_user_space(buffer, size)) return Error{EFAULT};
    fs::IoBuffer io = fs::IoBuffer::user(buffer, std::min(size, transfer_maximum));
    return transfer<write_at>(*file, io, static_cast<uint64_t>(offset));
}

Result<long> sys_preadv(int descriptor, VirtualAddress vector, long segment_count, int64_t offset, uint64_t) {
    if (offset < 0) return Error{EINVAL};
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (!file->positioned()) return Error{ESPIPE};
    if (!file->readable()) return Error{EBADF};
    Vectors vectors;
    fs::IoBuffer io = TRY(vectors.load(vector, segment_count));
    return transfer<read_at>(*file, io, static_cast<uint64_t>(offset));
}

Result<long> sys_pwritev(int descriptor, VirtualAddress vector, long segment_count, int64_t offset, uint64_t) {
    if (offset < 0) return Error{EINVAL};
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (!file->positioned()) return Error{ESPIPE};
    if (!file->writable()) return Error{EBADF};
    Vectors vectors;
    fs::IoBuffer io = TRY(vectors.load(vector, segment_count));
    return transfer<write_at>(*file, io, static_cast<uint64_t>(offset));
}

Result<long> sys_preadv2(int descriptor, VirtualAddress vector, long segment_count, int64_t offset, uint64_t offset_high, int flags) {
    TRY(check_flags(flags, false));
    // An offset of -1 means the position of the description.
    if (offset == -1) return sys_readv(descriptor, vector, segment_count);
    return sys_preadv(descriptor, vector, segment_count, offset, offset_high);
}

namespace {

Result<long> write_flagged(int descriptor, VirtualAddress vector, long segment_count, int64_t offset, int flags) {
    if ((flags & RWF_APPEND) != 0) {
        const Ref<fs::File> file = TRY(writable_file(descriptor));
        Vectors vectors;
        fs::IoBuffer io = TRY(vectors.load(vector, segment_count));
        return offset == -1 ? transfer<write_end_moving>(*file, io) : transfer<write_end>(*file, io);
    }
    if (offset == -1) return sys_writev(descriptor, vector, segment_count);
    return sys_pwritev(descriptor, vector, segment_count, offset, 0);
}

}  // namespace

Result<long> sys_pwritev2(int descriptor, VirtualAddress vector, long segment_count, int64_t offset, uint64_t, int flags) {
    TRY(check_flags(flags, true));
    const long written = TRY(write_flagged(descriptor, vector, segment_count, offset, flags));
    if ((flags & (RWF_DSYNC | RWF_SYNC)) == 0) return written;
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (file->inode()) TRY(file->synchronize((flags & RWF_SYNC) == 0));
    return written;
}

Result<long> sys_lseek(int descriptor, int64_t offset, uint32_t whence) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (whence > SEEK_HOLE) return Error{EINVAL};
    return static_cast<long>(TRY(file->seek(offset, static_cast<int>(whence))));
}

}  // namespace eremite::syscall
