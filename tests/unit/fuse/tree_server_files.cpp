// What a TreeServer does with files themselves: their attributes and their contents.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tree_server_messages.hpp"

namespace eremite::test {

namespace {

constexpr int64_t second = 1'000'000'000;
constexpr size_t longest_attribute = 65536;

// The name of an extended attribute, whose kind the server knows (xattr(7)).
std::string known(std::string name) {
    for (const std::string_view kind : {"user.", "trusted.", "security."}) {
        if (!name.starts_with(kind)) continue;
        if (name.size() == kind.size()) throw Failure{EINVAL};
        return name;
    }
    throw Failure{EOPNOTSUPP};
}

}  // namespace

void TreeServer::change(TreeFile& file, const fuse_setattr_in& in) {
    if (in.valid & FATTR_SIZE) tree.resize(file, in.size);
    if (in.valid & (FATTR_UID | FATTR_GID)) tree.change_owner(file, in.valid & FATTR_UID ? &in.uid : nullptr, in.valid & FATTR_GID ? &in.gid : nullptr);
    if (in.valid & FATTR_MODE) file.mode = (file.mode & S_IFMT) | (in.mode & 07777);
    if (in.valid & FATTR_ATIME) file.accessed = static_cast<int64_t>(in.atime) * second + in.atimensec;
    if (in.valid & FATTR_MTIME) file.modified = static_cast<int64_t>(in.mtime) * second + in.mtimensec;
    file.changed = tree.now();
}

bool TreeServer::on_attributes(const fuse_in_header& header, Reader& r, Writer& w) {
    if (header.opcode != FUSE_GETATTR && header.opcode != FUSE_SETATTR) return false;
    TreeFile& about = *file(header.nodeid);
    if (header.opcode == FUSE_GETATTR) r.structure<fuse_getattr_in>();
    else change(about, r.structure<fuse_setattr_in>());
    fuse_attr_out out{};
    out.attr_valid = attributes_valid;
    out.attr = attributes(about);
    w.structure(out);
    return true;
}

bool TreeServer::on_extended_attributes(const fuse_in_header& header, Reader& r, Writer& w) {
    TreeFile& about = *file(header.nodeid);
    const auto give = [&](const std::string& value, uint32_t size) {
        if (size == 0) return w.structure(fuse_getxattr_out{static_cast<uint32_t>(value.size()), 0});
        if (value.size() > size) throw Failure{ERANGE};
        w.bytes(value);
    };
    switch (header.opcode) {
        case FUSE_SETXATTR: {
            struct {
                uint32_t size, flags;
            } in = r.structure<decltype(in)>();
            const std::string name = known(r.name());
            const std::string value = r.bytes(in.size);
            if (value.size() > longest_attribute) throw Failure{E2BIG};
            tree.set_attribute(about, name, value, in.flags);
            return true;
        }
        case FUSE_GETXATTR: {
            const auto in = r.structure<fuse_getxattr_in>();
            const auto found = about.attributes.find(known(r.name()));
            if (found == about.attributes.end()) throw Failure{ENODATA};
            give(found->second, in.size);
            return true;
        }
        case FUSE_LISTXATTR: {
            const auto in = r.structure<fuse_getxattr_in>();
            std::string names;
            for (const auto& [name, value] : about.attributes) names += name + '\0';
            give(names, in.size);
            return true;
        }
        case FUSE_REMOVEXATTR: tree.remove_attribute(about, known(r.name())); return true;
        default: return false;
    }
}

bool TreeServer::on_handles(const fuse_in_header& header, Reader& r, Writer& w) {
    switch (header.opcode) {
        case FUSE_OPEN:
        case FUSE_OPENDIR: {
            const auto in = r.structure<fuse_open_in>();
            if (in.flags & (O_CREAT | O_EXCL | O_NOCTTY)) violate("flags of a creation in an opening");
            fuse_open_out out{};
            out.fh = open_handle(file(header.nodeid), in.flags, header.opcode == FUSE_OPENDIR);
            w.structure(out);
            return true;
        }
        case FUSE_RELEASE:
        case FUSE_RELEASEDIR: {
            const auto in = r.structure<fuse_release_in>();
            const Handle& gone = handle(in.fh, header.nodeid);
            if (gone.directory != (header.opcode == FUSE_RELEASEDIR)) violate("released as what it is not");
            if (gone.flags != in.flags) violate("released with other flags");
            handles_.erase(in.fh);
            return true;
        }
        case FUSE_FLUSH: handle(r.structure<fuse_flush_in>().fh, header.nodeid); return true;
        case FUSE_FSYNC:
        case FUSE_FSYNCDIR: {
            const auto in = r.structure<fuse_fsync_in>();
            if (handle(in.fh, header.nodeid).directory != (header.opcode == FUSE_FSYNCDIR)) violate("synchronized as what it is not");
            return true;
        }
        case FUSE_READDIR:
        case FUSE_READDIRPLUS: {
            list(header.nodeid, r.structure<fuse_read_in>(), header.opcode == FUSE_READDIRPLUS, w);
            return true;
        }
        default: return false;
    }
}

void TreeServer::list(uint64_t node, const fuse_read_in& in, bool plus, Writer& w) {
    Handle& from = handle(in.fh, node);
    if (!from.directory) throw Failure{ENOTDIR};
    if (in.offset == 0) {
        const TreeFilePointer up = from.file->parent.lock();
        from.entries = {{".", from.file}, {"..", up ? up : from.file}};
        from.entries.insert(from.entries.end(), from.file->entries.begin(), from.file->entries.end());
    }
    for (uint64_t at = in.offset; at < from.entries.size(); ++at) {
        const auto& [name, listed] = from.entries[at];
        fuse_dirent entry{};
        entry.ino = listed->number, entry.off = at + 1, entry.namelen = static_cast<uint32_t>(name.size()), entry.type = IFTODT(listed->mode);
        const size_t size = (plus ? sizeof(fuse_entry_out) : 0) + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name.size());
        if (w.out.size() + size > in.size) break;
        const size_t end = w.out.size() + size;
        // Those two are not counted.
        if (plus) w.structure(name == "." || name == ".." ? fuse_entry_out{} : this->entry(listed));
        const auto* const fixed = reinterpret_cast<const char*>(&entry);
        w.bytes({fixed, FUSE_NAME_OFFSET});
        w.bytes(name);
        w.out.resize(end);
    }
}

bool TreeServer::on_data(const fuse_in_header& header, Reader& r, Writer& w) {
    const auto writable = [&](uint64_t number, uint64_t node) -> Handle& {
        Handle& to = handle(number, node);
        if ((to.flags & O_ACCMODE) == O_RDONLY) throw Failure{EBADF};
        return to;
    };
    switch (header.opcode) {
        case FUSE_READ: {
            const auto in = r.structure<fuse_read_in>();
            const Handle& from = handle(in.fh, header.nodeid);
            if (in.size > uint64_t{terms.max_pages} * 4096 && (terms.flags & FUSE_MAX_PAGES)) violate("a read that is too large");
            if ((from.flags & O_ACCMODE) == O_WRONLY) throw Failure{EBADF};
            w.bytes(from.file->bytes.read(in.offset, in.size));
            return true;
        }
        case FUSE_WRITE: {
            const auto in = r.structure<fuse_write_in>();
            const std::string bytes = r.bytes(in.size);
            const Handle& to = writable(in.fh, header.nodeid);
            if (in.size > terms.max_write) violate("a write that is too large");
            const size_t taken = std::min<uint64_t>({bytes.size(), largest_write, room});
            if (taken == 0 && !bytes.empty()) throw Failure{ENOSPC};
            room -= taken;
            tree.write(*to.file, to.flags & O_APPEND ? to.file->bytes.size() : in.offset, std::string_view{bytes}.substr(0, taken));
            w.structure(fuse_write_out{static_cast<uint32_t>(taken), 0});
            return true;
        }
        case FUSE_FALLOCATE: {
            const auto in = r.structure<fuse_fallocate_in>();
            tree.allocate(*writable(in.fh, header.nodeid).file, in.mode, in.offset, in.length);
            return true;
        }
        case FUSE_LSEEK: {
            const auto in = r.structure<fuse_lseek_in>();
            if (in.whence != SEEK_DATA && in.whence != SEEK_HOLE) violate("what can be sought without the server");
            w.structure(fuse_lseek_out{handle(in.fh, header.nodeid).file->bytes.next(in.offset, in.whence == SEEK_HOLE)});
            return true;
        }
        case FUSE_COPY_FILE_RANGE: {
            const auto in = r.structure<fuse_copy_file_range_in>();
            const Handle& from = handle(in.fh_in, header.nodeid);
            const Handle& to = writable(in.fh_out, in.nodeid_out);
            if (in.len > UINT32_MAX) violate("more than the reply can tell");
            const std::string bytes = from.file->bytes.read(in.off_in, in.len);
            if (!bytes.empty()) tree.write(*to.file, in.off_out, bytes);
            w.structure(fuse_write_out{static_cast<uint32_t>(bytes.size()), 0});
            return true;
        }
        default: return false;
    }
}

}  // namespace eremite::test
