#include "tree_server.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "tree_server_messages.hpp"

namespace eremite::test {

namespace {

constexpr int64_t second = 1'000'000'000;

void tell_time(int64_t time, uint64_t& seconds, uint32_t& nanoseconds) {
    const int64_t rest = (time % second + second) % second;
    seconds = static_cast<uint64_t>((time - rest) / second);
    nanoseconds = static_cast<uint32_t>(rest);
}

}  // namespace

size_t TreeServer::known_files() {
    const std::lock_guard guard{mutex_};
    return known_.size() - 1;
}

size_t TreeServer::open_files() {
    const std::lock_guard guard{mutex_};
    return handles_.size();
}

std::vector<std::string> TreeServer::violations() {
    const std::lock_guard guard{mutex_};
    return violations_;
}

const TreeFilePointer& TreeServer::file(uint64_t node) {
    const auto found = known_.find(node);
    if (found == known_.end()) {
        violate("a number that the server does not know: " + std::to_string(node));
        throw Failure{ESTALE};
    }
    return found->second.file;
}

TreeServer::Handle& TreeServer::handle(uint64_t number, uint64_t node) {
    const auto found = handles_.find(number);
    if (found == handles_.end()) {
        violate("an open file that the server does not know");
        throw Failure{EBADF};
    }
    if (found->second.file != file(node)) violate("an open file of another file");
    return found->second;
}

uint64_t TreeServer::open_handle(const TreeFilePointer& file, uint32_t flags, bool directory) {
    if (file->is_directory() != directory) throw Failure{directory ? ENOTDIR : EISDIR};
    handles_[++last_handle_] = {file, flags, directory, {}};
    return last_handle_;
}

fuse_attr TreeServer::attributes(const TreeFile& file) const {
    fuse_attr attr{};
    attr.ino = file.number;
    attr.size = S_ISLNK(file.mode) ? file.target.size() : file.bytes.size();
    attr.blocks = file.bytes.blocks();
    tell_time(file.accessed, attr.atime, attr.atimensec);
    tell_time(file.modified, attr.mtime, attr.mtimensec);
    tell_time(file.changed, attr.ctime, attr.ctimensec);
    attr.mode = file.mode, attr.nlink = file.links, attr.uid = file.uid, attr.gid = file.gid, attr.rdev = file.device;
    attr.blksize = 4096;
    return attr;
}

fuse_entry_out TreeServer::entry(const TreeFilePointer& file) {
    uint64_t& node = nodes_[file.get()];
    if (node == 0) {
        node = ++last_node_;
        known_[node] = {file, 0};
    }
    if (node != FUSE_ROOT_ID) ++known_[node].lookups;
    fuse_entry_out out{};
    out.nodeid = node;
    out.entry_valid = entry_valid;
    out.attr_valid = attributes_valid;
    out.attr = attributes(*file);
    return out;
}

void TreeServer::forget(uint64_t node, uint64_t count) {
    if (node == FUSE_ROOT_ID) return;
    const auto found = known_.find(node);
    if (found == known_.end() || found->second.lookups < count) return violate("forgotten more often than looked up");
    found->second.lookups -= count;
    if (found->second.lookups > 0) return;
    for (const auto& [number, handle] : handles_)
        if (handle.file == found->second.file) violate("an open file is forgotten");
    nodes_.erase(found->second.file.get());
    known_.erase(found);
}

Bytes TreeServer::answer(const Bytes& request) {
    const std::lock_guard guard{mutex_};
    Reader r{request};
    Writer w;
    fuse_in_header header{};
    int error = 0;
    try {
        header = r.structure<fuse_in_header>();
        if (header.len != request.size()) throw Failure{EPROTO};
        if (header.unique == last_unique_) violate("two requests with one number");
        last_unique_ = header.unique;
        ++counts[header.opcode];
        if (!started_ && header.opcode != FUSE_INIT) violate("a request before FUSE_INIT");
        if (const auto wanted = errors.find(header.opcode); wanted != errors.end()) throw Failure{wanted->second};
        dispatch(header, r, w);
        if (!r.at_end()) violate("more than the request says, opcode " + std::to_string(header.opcode));
    } catch (const Failure& failure) {
        if (failure.code == EPROTO) violate("malformed request, opcode " + std::to_string(header.opcode));
        w.out.clear();
        error = failure.code;
    }
    if (header.opcode == FUSE_FORGET || header.opcode == FUSE_BATCH_FORGET) return {};
    Writer reply;
    reply.structure(fuse_out_header{static_cast<uint32_t>(sizeof(fuse_out_header) + w.out.size()), -error, header.unique});
    reply.out.insert(reply.out.end(), w.out.begin(), w.out.end());
    if (tamper) tamper(header, reply.out);
    return reply.out;
}

void TreeServer::dispatch(const fuse_in_header& header, Reader& r, Writer& w) {
    switch (header.opcode) {
        case FUSE_INIT: {
            const auto in = r.structure<fuse_init_in>();
            if (in.major != FUSE_KERNEL_VERSION || in.minor > FUSE_KERNEL_MINOR_VERSION) violate("a protocol that there is not");
            started_ = true;
            terms.flags &= in.flags;
            w.structure(terms);
            // As servers of old minor versions did it.
            if (terms.minor < 5) w.out.resize(FUSE_COMPAT_INIT_OUT_SIZE);
            else if (terms.minor < 23) w.out.resize(FUSE_COMPAT_22_INIT_OUT_SIZE);
            return;
        }
        case FUSE_FORGET: return forget(header.nodeid, r.structure<fuse_forget_in>().nlookup);
        case FUSE_BATCH_FORGET: {
            const auto in = r.structure<fuse_batch_forget_in>();
            for (uint32_t i = 0; i < in.count; ++i) {
                const auto one = r.structure<fuse_forget_one>();
                forget(one.nodeid, one.nlookup);
            }
            return;
        }
        case FUSE_STATFS: {
            file(header.nodeid);
            fuse_statfs_out out{};
            out.st.blocks = 1000, out.st.bfree = 600, out.st.bavail = 500, out.st.files = 100, out.st.ffree = 90;
            out.st.bsize = 4096, out.st.namelen = 255, out.st.frsize = 4096;
            return w.structure(out);
        }
        case FUSE_SYNCFS: r.structure<fuse_syncfs_in>(); return;
        default: break;
    }
    if (!on_names(header, r, w) && !on_new_names(header, r, w) && !on_attributes(header, r, w) && !on_extended_attributes(header, r, w) &&
        !on_handles(header, r, w) && !on_data(header, r, w))
        throw Failure{ENOSYS};
}

bool TreeServer::on_names(const fuse_in_header& header, Reader& r, Writer& w) {
    const auto directory = [&]() -> const TreeFilePointer& { return file(header.nodeid); };
    switch (header.opcode) {
        case FUSE_LOOKUP: w.structure(entry(Tree::lookup(*directory(), r.file_name()))); return true;
        case FUSE_UNLINK: tree.unlink(*directory(), r.file_name()); return true;
        case FUSE_RMDIR: tree.remove_directory(*directory(), r.file_name()); return true;
        case FUSE_RENAME:
        case FUSE_RENAME2: {
            fuse_rename2_in in{};
            if (header.opcode == FUSE_RENAME2) in = r.structure<fuse_rename2_in>();
            else in.newdir = r.structure<fuse_rename_in>().newdir;
            const std::string from = r.file_name(), to = r.file_name();
            tree.rename(directory(), from, file(in.newdir), to, in.flags);
            return true;
        }
        case FUSE_READLINK:
            if (!S_ISLNK(file(header.nodeid)->mode)) throw Failure{EINVAL};
            w.bytes(file(header.nodeid)->target);
            return true;
        default: return false;
    }
}

bool TreeServer::on_new_names(const fuse_in_header& header, Reader& r, Writer& w) {
    // A file of this name, which leads to it.
    const auto make = [&](uint32_t mode, const std::string& name) {
        const TreeFilePointer made = tree.create(file(header.nodeid), name, mode);
        return made;
    };
    switch (header.opcode) {
        case FUSE_CREATE: {
            const auto in = r.structure<fuse_create_in>();
            const std::string name = r.file_name();
            if (!S_ISREG(in.mode)) violate("the file to create is not a regular one");
            const TreeFilePointer directory = file(header.nodeid);
            const bool present = directory->entries.contains(name);
            if (present && (in.flags & O_EXCL)) throw Failure{EEXIST};
            const TreeFilePointer opened = present ? directory->entries[name] : make(in.mode, name);
            fuse_open_out open{};
            open.fh = open_handle(opened, in.flags, false);
            w.structure(entry(opened));
            w.structure(open);
            return true;
        }
        case FUSE_MKNOD: {
            const auto in = r.structure<fuse_mknod_in>();
            const TreeFilePointer made = make(in.mode, r.file_name());
            made->device = in.rdev;
            w.structure(entry(made));
            return true;
        }
        case FUSE_MKDIR: {
            const auto in = r.structure<fuse_mkdir_in>();
            w.structure(entry(make(S_IFDIR | (in.mode & 07777), r.file_name())));
            return true;
        }
        case FUSE_SYMLINK: {
            const std::string name = r.file_name();
            const std::string target = r.name();
            const TreeFilePointer made = make(S_IFLNK | 0777, name);
            made->target = target;
            w.structure(entry(made));
            return true;
        }
        case FUSE_LINK: {
            const auto in = r.structure<fuse_link_in>();
            tree.link(*file(header.nodeid), r.file_name(), file(in.oldnodeid));
            w.structure(entry(file(in.oldnodeid)));
            return true;
        }
        default: return false;
    }
}

}  // namespace eremite::test
