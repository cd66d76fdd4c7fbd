// Regular files and what is in them. Data go straight between the file and the guest's memory.
#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include <optional>

#include "vmm/fs/operations.hpp"

namespace eremite::vmm::fs::operations {

namespace {

constexpr uint32_t permission_bits = 07777;

// What the guest opens with, as far as it matters here. O_DIRECT would ask for memory that is aligned as the disk wants it.
Result<int> open_flags(const Share& share, uint32_t flags) {
    constexpr uint32_t passed_on = O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_TRUNC;
    if (share.read_only && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0)) return Error{EROFS};
    return static_cast<int>(flags & passed_on);
}

Result<fuse_open_out> add_handle(Share& share, UniqueFd file) {
    fuse_open_out out{};
    out.fh = TRY(share.handles.add(std::move(file), Handle::Kind::File));
    return out;
}

Result<fuse_open_out> open_and_add(Share& share, const Inode& inode, uint32_t guest_flags, uint32_t open_flags_of_fuse) {
    const int flags = TRY(open_flags(share, guest_flags));
    if (inode.type == S_IFDIR) return Error{EISDIR};
    TRY(share.handles.check_room());
    UniqueFd file = TRY(share.open(inode, flags));
    if ((open_flags_of_fuse & FUSE_OPEN_KILL_SUIDGID) != 0 && (flags & O_TRUNC) != 0) TRY(drop_set_ids(file.get()));
    return add_handle(share, std::move(file));
}

// A file that was made just now, and opened: the guest gets both. What is put in front of the handle is the very file, whatever became of its name.
Result<void> tell_made(Share& share, UniqueFd file, std::optional<Inodes::Place> place, Reply& reply) {
    const Inodes::Known known = TRY(share.inodes.tell(TRY(share.reopen(file.get(), O_PATH)), place));
    const fuse_open_out open = TRY(add_handle(share, std::move(file)));
    reply.put(entry_of(known));
    reply.put(open);
    return {};
}

Result<void> check_room(const Share& share) {
    TRY(share.inodes.check_room());
    return share.handles.check_room();
}

// Reads or writes all pieces, by `call` (preadv(2), pwritev(2)), until the file ends. An error counts if nothing was transferred before.
template <typename Call>
Result<size_t> transfer(Call&& call, int file, std::vector<iovec>& pieces, uint64_t offset) {
    size_t total = 0;
    std::span<iovec> left{pieces};
    while (!left.empty()) {
        const ssize_t result = call(file, left.data(), static_cast<int>(std::min<size_t>(left.size(), IOV_MAX)), static_cast<off_t>(offset + total));
        if (result < 0 && errno == EINTR) continue;
        if (result < 0 && total == 0) return Error{errno};
        if (result <= 0) break;
        auto count = static_cast<size_t>(result);
        total += count;
        while (!left.empty() && count >= left.front().iov_len) {
            count -= left.front().iov_len;
            left = left.subspan(1);
        }
        if (count != 0) left.front() = {.iov_base = static_cast<std::byte*>(left.front().iov_base) + count, .iov_len = left.front().iov_len - count};
    }
    return total;
}

}  // namespace

Result<void> open(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_open_in>();
    const Inode& inode = *TRY(share.inodes.find(request.node()));
    reply.put(TRY(open_and_add(share, inode, in.flags, in.open_flags)));
    return {};
}

Result<void> create(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_create_in>();
    const char* const name = TRY(request.name());
    const Inode& folder = *TRY(share.inodes.find(request.node()));
    const int flags = TRY(open_flags(share, in.flags));
    TRY(check_room(share));
    auto made = [&]() -> Result<UniqueFd> {
        const ActAs as = share.act_for(request);
        TRY(as.check());
        // What is there already is not opened by its name, which may lead to something that must not be opened.
        return share.open_beneath(folder, name, flags | O_CREAT | O_EXCL, in.mode & ~in.umask & permission_bits);
    }();
    if (made.ok()) return tell_made(share, std::move(made).value(), Inodes::Place{folder.number, name}, reply);
    if (made.code() != EEXIST || (in.flags & O_EXCL) != 0) return made.error();
    const Inodes::Known known = TRY(share.look_up(folder, name));
    const auto opened = open_and_add(share, known.inode, in.flags, in.open_flags);
    if (!opened.ok()) {
        share.inodes.forget(known.inode.number, 1);
        return opened.error();
    }
    reply.put(entry_of(known));
    reply.put(opened.value());
    return {};
}

// A file that has no name yet (O_TMPFILE of open(2)). The name in the request means nothing.
Result<void> make_nameless(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_create_in>();
    const Inode& folder = *TRY(share.inodes.find(request.node()));
    const int flags = TRY(open_flags(share, in.flags));
    if (folder.type != S_IFDIR) return Error{ENOTDIR};
    if ((in.flags & O_ACCMODE) == O_RDONLY) return Error{EINVAL};
    TRY(check_room(share));
    auto made = [&]() -> Result<UniqueFd> {
        const ActAs as = share.act_for(request);
        TRY(as.check());
        UniqueFd file{::openat(folder.descriptor.get(), ".", (flags & ~O_TRUNC) | O_TMPFILE | static_cast<int>(in.flags & O_EXCL) | O_CLOEXEC,
                               in.mode & ~in.umask & permission_bits)};
        if (!file) return Error{errno};
        return file;
    }();
    return tell_made(share, TRY(std::move(made)), {}, reply);
}

Result<void> read(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_read_in>();
    const int file = TRY(share.handles.file(in.fh));
    reply.room_for(std::min(in.size, most_data), share.pieces);
    reply.filled(TRY(transfer(::preadv, file, share.pieces, in.offset)));
    return {};
}

Result<void> write(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_write_in>();
    const int file = TRY(share.handles.file(in.fh));
    if (in.size > most_data) return Error{EINVAL};
    TRY(request.data(in.size, share.pieces));
    if ((in.write_flags & FUSE_WRITE_KILL_SUIDGID) != 0) TRY(drop_set_ids(file));
    fuse_write_out out{};
    out.size = static_cast<uint32_t>(TRY(transfer(::pwritev, file, share.pieces, in.offset)));
    reply.put(out);
    return {};
}

// Some file systems tell what went wrong only when a descriptor is closed (close(2)).
Result<void> flush(Share& share, Request& request, Reply&) {
    const int file = TRY(share.handles.file(request.take<fuse_flush_in>().fh));
    int copy = ::fcntl(file, F_DUPFD_CLOEXEC, 0);
    if (copy < 0 && errno == EMFILE && share.inodes.close_some()) copy = ::fcntl(file, F_DUPFD_CLOEXEC, 0);
    TRY(done(copy));
    return done(::close(copy));
}

Result<void> synchronize(Share& share, Request& request, Reply&) {
    const auto in = request.take<fuse_fsync_in>();
    const int file = TRY(share.handles.file(in.fh));
    return done((in.fsync_flags & FUSE_FSYNC_FDATASYNC) != 0 ? ::fdatasync(file) : ::fsync(file));
}

Result<void> release(Share& share, Request& request, Reply&) {
    return share.handles.close(request.take<fuse_release_in>().fh, Handle::Kind::File);
}

Result<void> allocate(Share& share, Request& request, Reply&) {
    const auto in = request.take<fuse_fallocate_in>();
    const int file = TRY(share.handles.file(in.fh));
    if (in.offset > INT64_MAX || in.length > INT64_MAX) return Error{EINVAL};
    return done(::fallocate(file, static_cast<int>(in.mode), static_cast<off_t>(in.offset), static_cast<off_t>(in.length)));
}

Result<void> seek(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_lseek_in>();
    const int file = TRY(share.handles.file(in.fh));
    // Only for these must the server be asked.
    if (in.whence != SEEK_DATA && in.whence != SEEK_HOLE) return Error{EINVAL};
    fuse_lseek_out out{};
    out.offset = TRY(checked(::lseek(file, static_cast<off_t>(in.offset), static_cast<int>(in.whence))));
    reply.put(out);
    return {};
}

Result<void> copy_range(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_copy_file_range_in>();
    const int from = TRY(share.handles.file(in.fh_in)), to = TRY(share.handles.file(in.fh_out));
    if (in.off_in > INT64_MAX || in.off_out > INT64_MAX) return Error{EINVAL};
    // Less than was asked for is allowed, and other requests wait.
    constexpr uint64_t most = 64 << 20;
    auto from_offset = static_cast<off_t>(in.off_in), to_offset = static_cast<off_t>(in.off_out);
    const auto flags = static_cast<unsigned>(in.flags);
    fuse_write_out out{};
    out.size = static_cast<uint32_t>(TRY(checked(::copy_file_range(from, &from_offset, to, &to_offset, std::min(in.len, most), flags))));
    reply.put(out);
    return {};
}

}  // namespace eremite::vmm::fs::operations
