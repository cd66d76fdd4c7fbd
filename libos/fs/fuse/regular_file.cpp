#include "libos/fs/fuse/regular_file.hpp"

#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>

namespace eremite::fs::fuse {

Result<void> StoredFile::resize(uint64_t size) {
    const sched::MutexGuard guard{contents_.mutex()};
    fuse_setattr_in in{};
    in.valid = FATTR_SIZE;
    in.size = size;
    TRY(change_attributes(in));
    note_size(size);
    return {};
}

Result<void> StoredFile::allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) {
    TRY(leave_to_server());
    const Ref<remote::Handle> handle = TRY(data_handle(true));
    fuse_fallocate_in in{};
    in.fh = number_of(handle);
    in.offset = offset;
    in.length = length;
    in.mode = (keep_size ? FALLOC_FL_KEEP_SIZE : 0) | (mode == AllocateMode::PunchHole   ? FALLOC_FL_PUNCH_HOLE
                                                       : mode == AllocateMode::ZeroRange ? FALLOC_FL_ZERO_RANGE
                                                                                         : 0);
    const auto done = client().call({FUSE_FALLOCATE, number(), in});
    changed();
    if (done.code() == ENOSYS) return Error{EOPNOTSUPP};
    // The end may have moved, and an append must know where it is.
    if (done.ok()) TRY(attributes());
    return done;
}

Result<uint64_t> StoredFile::seek_data(uint64_t offset, bool hole) {
    TRY(leave_to_server());
    const Ref<remote::Handle> handle = TRY(data_handle(false));
    fuse_lseek_in in{};
    in.fh = number_of(handle);
    in.offset = offset;
    in.whence = hole ? SEEK_HOLE : SEEK_DATA;
    const auto out = client().call<fuse_lseek_out>({FUSE_LSEEK, number(), in});
    if (out.ok()) return out.value().offset > IoBuffer::size_maximum ? Result<uint64_t>{Error{EIO}} : Result<uint64_t>{out.value().offset};
    if (out.code() != ENOSYS) return out.error();
    // All of the file counts as data, as lseek(2) allows.
    const uint64_t size = TRY(attributes()).size;
    if (offset >= size) return Error{ENXIO};
    return hole ? size : offset;
}

Result<size_t> StoredFile::copy_range(uint64_t from, Inode& to, uint64_t at, size_t count) {
    auto& target = static_cast<StoredFile&>(to);
    TRY(leave_to_server());
    TRY(target.leave_to_server());
    const Ref<remote::Handle> source_handle = TRY(data_handle(false));
    const Ref<remote::Handle> target_handle = TRY(target.data_handle(true));
    fuse_copy_file_range_in in{};
    in.fh_in = number_of(source_handle);
    in.off_in = from;
    in.nodeid_out = target.number();
    in.fh_out = number_of(target_handle);
    in.off_out = at;
    // The reply counts in 32 bits.
    constexpr size_t most = size_t{1} << 30;
    in.len = std::min(count, most);
    const auto out = client().call<fuse_write_out>({FUSE_COPY_FILE_RANGE, number(), in});
    target.changed();
    // What the server's own file system cannot do is done by reading and writing.
    if (out.code() == ENOSYS || out.code() == EXDEV) return Error{EOPNOTSUPP};
    if (!out.ok()) return out.error();
    if (out.value().size > in.len) return Error{EIO};
    TRY(target.attributes());
    return size_t{out.value().size};
}

}  // namespace eremite::fs::fuse
