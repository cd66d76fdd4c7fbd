// Folders that are listed.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "vmm/fs/operations.hpp"

namespace eremite::vmm::fs::operations {

namespace {

// What one request gives at most; the next one goes on.
constexpr size_t most_listed = 32 << 10;
// An entry with the longest name fits.
constexpr size_t least_fetched = 1024;

struct Entry {
    uint64_t inode, next;
    uint8_t type;
    std::string_view name;
};

// Takes the first entry of getdents64(2) off. They are the kernel's and need no check.
Entry take_entry(std::span<const std::byte>& fetched) {
    dirent64 entry;
    std::memcpy(&entry, fetched.data(), offsetof(dirent64, d_name));
    // SAFETY: bytes as characters; a name ends with a zero within its entry.
    const auto* const name = reinterpret_cast<const char*>(fetched.data() + offsetof(dirent64, d_name));
    fetched = fetched.subspan(entry.d_reclen);
    return {entry.d_ino, static_cast<uint64_t>(entry.d_off), entry.d_type, name};
}

// What a look-up of the entry tells; without a number if the guest is told no more than the name.
fuse_entry_out told_of(Share& share, const Inode& folder, const Entry& entry) {
    if (entry.name != "." && entry.name != "..") {
        // What cannot be looked up now is told by the guest's own question for it.
        const auto known = share.look_up(folder, entry.name.data());
        if (known.ok()) return entry_of(known.value());
    }
    fuse_entry_out told{};
    told.attr.ino = entry.inode;
    told.attr.mode = DTTOIF(entry.type);
    return told;
}

// Appends an entry as FUSE_READDIR has it, or FUSE_READDIRPLUS. False: there is no room.
bool append(Share& share, const Inode& folder, const Entry& entry, bool looks_up, size_t room, std::vector<std::byte>& to) {
    const size_t name_at = looks_up ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
    const size_t size = FUSE_DIRENT_ALIGN(name_at + entry.name.size()), at = to.size();
    if (size > room - at) return false;
    to.resize(at + size);
    std::byte* place = to.data() + at;
    if (looks_up) {
        const fuse_entry_out told = told_of(share, folder, entry);
        std::memcpy(place, &told, sizeof told);
        place += sizeof told;
    }
    const fuse_dirent fixed{.ino = entry.inode, .off = entry.next, .namelen = static_cast<uint32_t>(entry.name.size()), .type = entry.type};
    std::memcpy(place, &fixed, FUSE_NAME_OFFSET);
    std::memcpy(place + FUSE_NAME_OFFSET, entry.name.data(), entry.name.size());
    return true;
}

Result<void> list_by(Share& share, Request& request, Reply& reply, bool looks_up) {
    const auto in = request.take<fuse_read_in>();
    const Inode& folder = *TRY(share.inodes.find(request.node()));
    Handle& handle = *TRY(share.handles.find(in.fh, Handle::Kind::Folder));
    const int descriptor = handle.descriptor.get();
    if (std::exchange(handle.position, Handle::unknown) != in.offset) TRY(checked(::lseek(descriptor, static_cast<off_t>(in.offset), SEEK_SET)));
    const size_t room = std::min<size_t>({in.size, reply.room(), most_listed});
    std::array<std::byte, most_listed> buffer;
    // Ours are larger, those that were looked up by a factor of about four.
    const size_t wanted = std::clamp(looks_up ? room / 4 : room, least_fetched, buffer.size());
    const size_t size = TRY(checked(::getdents64(descriptor, buffer.data(), wanted)));
    std::span<const std::byte> fetched = std::span{buffer}.first(size);
    std::vector<std::byte> listed;
    listed.reserve(room);
    uint64_t position = in.offset;
    while (!fetched.empty()) {
        Entry entry = take_entry(fetched);
        // What the root lies in is none of the guest's business.
        if (entry.name == ".." && folder.number == FUSE_ROOT_ID) entry.inode = TRY(attributes_of(folder.descriptor.get())).stx_ino;
        if (!append(share, folder, entry, looks_up, room, listed)) {
            // As getdents(2) has it.
            if (listed.empty()) return Error{EINVAL};
            reply.put_bytes(listed);
            return {};
        }
        position = entry.next;
    }
    handle.position = position;
    reply.put_bytes(listed);
    return {};
}

}  // namespace

Result<void> open_folder(Share& share, Request& request, Reply& reply) {
    const Inode& inode = *TRY(share.inodes.find(request.node()));
    if (inode.type != S_IFDIR) return Error{ENOTDIR};
    TRY(share.handles.check_room());
    fuse_open_out out{};
    out.fh = TRY(share.handles.add(TRY(share.open(inode, O_RDONLY | O_DIRECTORY)), Handle::Kind::Folder));
    reply.put(out);
    return {};
}

Result<void> list(Share& share, Request& request, Reply& reply) { return list_by(share, request, reply, false); }
Result<void> list_and_look_up(Share& share, Request& request, Reply& reply) { return list_by(share, request, reply, true); }

Result<void> synchronize_folder(Share& share, Request& request, Reply&) {
    const auto in = request.take<fuse_fsync_in>();
    const int folder = TRY(share.handles.find(in.fh, Handle::Kind::Folder))->descriptor.get();
    return done((in.fsync_flags & FUSE_FSYNC_FDATASYNC) != 0 ? ::fdatasync(folder) : ::fsync(folder));
}

Result<void> release_folder(Share& share, Request& request, Reply&) {
    return share.handles.close(request.take<fuse_release_in>().fh, Handle::Kind::Folder);
}

// Of the root's file system.
Result<void> synchronize_all(Share& share, Request&, Reply&) { return done(::syncfs(share.folder.get())); }

}  // namespace eremite::vmm::fs::operations
