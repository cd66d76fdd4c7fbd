#include "libos/fs/remote/node.hpp"

#include "libos/fs/dev/devices.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/remote/open_file.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::remote {

Node::~Node() = default;

Ref<Node> Node::forget() {
    const sync::Guard guard{file_system_.lock()};
    file_system_.remove(*this);
    file_system_.names().remove(*this);
    return std::move(parent_);
}

// A chain of directories may hang on this inode alone. It is taken apart in a loop, since a recursion could be as deep as paths
// are long.
void Node::dispose() const {
    Node* node = const_cast<Node*>(this);
    while (node) {
        Node* const up = node->forget().leak();
        delete node;
        node = up && up->release() ? up : nullptr;
    }
}

Ref<Inode> Node::parent() {
    const sync::Guard guard{file_system_.lock()};
    return parent_;
}

size_t Node::name(std::span<char> buffer) const {
    const sync::Guard guard{file_system_.lock()};
    return name_.view().copy(buffer.data(), buffer.size());
}

bool Node::unlinked() const {
    const sync::Guard guard{file_system_.lock()};
    return unlinked_;
}

void Node::remember(const Attributes& attributes, Duration valid) {
    known_ = attributes;
    known_at_ = file_system_.changes();
    fresh_until_ = platform::monotonic_now() + valid;
}

void Node::changed() {
    file_system_.count_change();
    const sync::Guard guard{file_system_.lock()};
    fresh_until_ = {};
    ++changes_;
}

Result<Attributes> Node::attributes() {
    uint32_t changes = 0;
    {
        const sync::Guard guard{file_system_.lock()};
        // A file with several names may have lost one of which we did not know that it was its.
        const bool doubtful = !is_directory() && known_.links > 1 && known_at_ != file_system_.changes();
        if (!doubtful && platform::monotonic_now() < fresh_until_) return known_;
        changes = changes_;
    }
    const Fetched fetched = TRY(fetch_attributes());
    note_size(fetched.attributes.size);
    const sync::Guard guard{file_system_.lock()};
    if (changes == changes_) remember(fetched.attributes, fetched.valid);
    return fetched.attributes;
}

bool Node::appended_to() const {
    for (const OpenFile& file : open_files_)
        if (file.writable() && file.handle_appends()) return true;
    return false;
}

Ref<Handle> Node::any_handle() const {
    if (const OpenFile* file = open_files_.front()) return file->handle();
    for (const Ref<Handle>& handle : kept_open_)
        if (handle) return handle;
    return nullptr;
}

Result<Ref<Handle>> Node::data_handle(bool for_writing) {
    Ref<Handle>& kept = kept_open_[for_writing];
    {
        const sync::Guard guard{file_system_.lock()};
        for (const OpenFile& file : open_files_)
            if (for_writing ? file.handle_writes() && !file.handle_appends() : file.handle_reads()) return Ref<Handle>{file.handle()};
        if (kept) return Ref<Handle>{kept};
    }
    Ref<Handle> handle = TRY(open_handle(for_writing ? O_WRONLY : O_RDONLY));
    const sync::Guard guard{file_system_.lock()};
    if (!kept) kept = handle;
    return handle;
}

// By /proc/self/fd even a file without a name can be opened: with the handle of one that is open and may do as much.
Ref<Handle> Node::shared_handle(uint32_t flags) {
    const uint32_t wanted = flags & O_ACCMODE;
    const sync::Guard guard{file_system_.lock()};
    if (!unlinked_) return nullptr;
    for (const OpenFile& file : open_files_) {
        const uint32_t mode = file.handle_flags() & O_ACCMODE;
        if (mode == wanted || mode == O_RDWR) return file.handle();
    }
    return nullptr;
}

Result<Ref<File>> Node::open(uint32_t flags) {
    // Of devices, fifos and sockets the server has the name; what it leads to is here.
    if (type() == FileType::Fifo) return Inode::open(flags);
    if (type() != FileType::Regular && type() != FileType::Directory && type() != FileType::SymbolicLink)
        return dev::open_device(Ref<Inode>::share(this), flags);
    // Nothing is in a directory that was removed, and there is nothing to ask.
    if (is_directory() && unlinked()) return TRY(make_ref<InodeFile>(Ref<Inode>::share(this), flags));
    Opened opened = TRY(open_at_server(flags));
    if (cache()) TRY(attributes());
    return TRY(make_ref<OpenFile>(Ref<Node>::share(this), flags, std::move(opened.handle), opened.flags));
}

uint32_t Node::handle_flags(const FileSystem& file_system, uint32_t flags) {
    if (!file_system.cached()) return flags;
    const uint32_t rest = flags & ~uint32_t{O_APPEND};
    return (rest & O_ACCMODE) == O_WRONLY ? (rest & ~uint32_t{O_ACCMODE}) | O_RDWR : rest;
}

Result<Node::Opened> Node::open_at_server(uint32_t flags) {
    const uint32_t with = handle_flags(file_system_, flags);
    if (Ref<Handle> shared = shared_handle(with)) return Opened{std::move(shared), with};
    auto handle = open_handle(with);
    if (handle.ok()) return Opened{std::move(handle.value()), with};
    if (with == flags) return handle.error();
    // A file that may be written but not read is not cached.
    if (Ref<Handle> shared = shared_handle(flags)) return Opened{std::move(shared), flags};
    if (handle.code() != EACCES) return handle.error();
    return Opened{TRY(open_handle(flags)), flags};
}

Result<void> Node::synchronize(bool data_only) {
    if (type() != FileType::Regular && !is_directory()) return {};
    Ref<Handle> handle;
    {
        const sync::Guard guard{file_system_.lock()};
        if (const OpenFile* file = open_files_.front()) handle = file->handle();
    }
    if (!handle) handle = TRY(data_handle(false));
    return handle->synchronize(data_only);
}

Ref<Node> Node::child(std::string_view name) { return Ref<Node>::share_if_alive(file_system_.names().find(*this, name)); }

Ref<Node> Node::vouched_child(std::string_view name) {
    const sync::Guard guard{file_system_.lock()};
    Node* const node = file_system_.names().find(*this, name);
    if (!node || platform::monotonic_now() >= node->vouched_until_) return nullptr;
    node->note_use();
    return Ref<Node>::share_if_alive(node);
}

void Node::doubt_name_of(const Ref<Node>& child) {
    if (!child) return;
    const sync::Guard guard{child->file_system_.lock()};
    child->vouched_until_ = {};
}

bool Node::is_below(const Node& ancestor) const {
    const Node* node = this;
    while (node && node != &ancestor) node = node->parent_.get();
    return node != nullptr;
}

Ref<Node> Node::place(Node& node, String& name, bool& moved) {
    moved = node.parent_.get() != this || node.name_.view() != name.view() || node.unlinked_;
    if (!moved && node.is_named()) return nullptr;
    NameCache<Node>& names = file_system_.names();
    names.remove(node);
    std::swap(node.name_, name);
    node.unlinked_ = false;
    Ref<Node> old_parent = std::exchange(node.parent_, Ref<Node>::share(this));
    names.insert(node);
    return old_parent;
}

Ref<Node> Node::place_moved(Node& node, String& name) {
    if (node.is_directory() && is_below(node)) {
        node.lose_name();
        return nullptr;
    }
    bool moved = false;
    return place(node, name, moved);
}

void Node::lose_name() {
    unlinked_ = true;
    fresh_until_ = {};
    ++changes_;
    vouched_until_ = {};
    file_system_.names().remove(*this);
    file_system_.names().drop(*this);
    file_system_.names_changed();
}

Result<Ref<Node>> Node::adopt(std::string_view name, Found& found, std::optional<uint64_t> generation) {
    String text = TRY(String::copy(name));
    Ref<Node> made;
    for (;;) {
        // What these hold is let go behind the lock.
        Ref<Node> node;
        Ref<Node> old_parent, not_kept;
        {
            const sync::Guard guard{file_system_.lock()};
            if (generation && *generation != file_system_.generation()) return Ref<Node>{};
            node = file_system_.find(found.identity, found.type);
            if (!node && made) {
                node = made;
                file_system_.insert(*node);
            }
            if (node) {
                // A directory that contains itself: the server is wrong, or what we know of it has been moved about.
                if (node->is_directory() && is_below(*node)) return Error{ESTALE};
                bool moved = false;
                old_parent = place(*node, text, moved);
                found.settle(*node, moved);
                node->vouched_until_ = platform::monotonic_now() + found.name_valid;
                not_kept = file_system_.names().keep(*node);
                if (found.fetched && found.changes == file_system_.changes()) {
                    node->note_size(found.fetched->attributes.size);
                    node->remember(found.fetched->attributes, found.fetched->valid);
                }
                return node;
            }
        }
        made = TRY(found.make());
    }
}

Result<bool> Node::give_entries(std::span<const uint8_t>& data, uint64_t& cursor, DirectorySink& sink) {
    while (!data.empty()) {
        std::span<const uint8_t> rest = data;
        Entry entry = TRY(next_entry(rest));
        if (entry.name == ".") {
            entry.inode = TRY(attributes()).inode;
        } else if (entry.name == "..") {
            const Ref<Inode> point = covered_by(*this);
            if (const Ref<Inode> up = point ? point->parent() : nullptr) entry.inode = TRY(up->attributes()).inode;
        }
        if (!sink.add(entry.name, entry.inode, entry.type, entry.next)) return false;
        data = rest;
        cursor = entry.next;
    }
    return true;
}

Result<void> Node::list(uint64_t& cursor, DirectorySink& sink) {
    if (!is_directory()) return Error{ENOTDIR};
    const Ref<Handle> handle = TRY(data_handle(false));
    const TransferBuffer buffer{file_system_, page_size};
    for (;;) {
        const size_t size = TRY(handle->read_directory(cursor, buffer.bytes()));
        std::span<const uint8_t> data = buffer.bytes().first(size);
        if (data.empty() || !TRY(give_entries(data, cursor, sink))) return {};
    }
}

}  // namespace eremite::fs::remote
