#include "libos/fs/ninep/node.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "libos/fs/dev/devices.hpp"
#include "libos/fs/ninep/directory.hpp"
#include "libos/fs/ninep/open_file.hpp"
#include "libos/fs/path.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::ninep {

namespace {

// How old attributes may be that are told without asking: long enough for one system call.
constexpr Duration freshness = Duration::milliseconds(1);
// What stat() recommends for transfers; C libraries allocate buffers of this size.
constexpr uint64_t largest_block_size = 65536;

}  // namespace

std::optional<FileType> type_of(uint32_t mode) {
    for (const FileType type : {FileType::Regular, FileType::Directory, FileType::SymbolicLink, FileType::CharacterDevice,
                                FileType::BlockDevice, FileType::Fifo, FileType::Socket})
        if ((mode & S_IFMT) == mode_of(type)) return type;
    return std::nullopt;
}

Node::~Node() = default;

Ref<Node> Node::forget() {
    const sync::Guard guard{file_system_.lock()};
    file_system_.remove(*this);
    if (static_cast<ListNode<ByDirectory>&>(*this).linked()) List<Node, ByDirectory>::remove(*this);
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

Result<Ref<Fid>> Node::path_fid() {
    std::array<char, name_maximum> name;
    size_t length = 0;
    Ref<Node> directory;
    {
        const sync::Guard guard{file_system_.lock()};
        if (unlinked_) return Error{ENOENT};
        if (fid_) return Ref<Fid>{fid_};
        if (!parent_) return Error{ENOENT};
        directory = parent_;
        length = name_.view().copy(name.data(), name.size());
    }
    const Ref<Fid> from = TRY(directory->path_fid());
    Client::Walked walked = TRY(file_system_.client().walk(*from, {name.data(), length}));
    if (walked.qid.path != qid_.path || walked.qid.type != qid_.type) return Error{ENOENT};
    const sync::Guard guard{file_system_.lock()};
    if (!fid_) fid_ = walked.fid;
    return std::move(walked.fid);
}

Result<Ref<Fid>> Node::any_fid() {
    {
        const sync::Guard guard{file_system_.lock()};
        // The newest name, if it was looked up since the file was opened.
        if (fid_) return Ref<Fid>{fid_};
        if (const OpenFile* file = open_files_.front()) return Ref<Fid>{file->fid()};
        for (const Ref<Fid>& fid : kept_open_)
            if (fid) return Ref<Fid>{fid};
    }
    return path_fid();
}

Result<Ref<Fid>> Node::open_fid(uint32_t flags) {
    const Ref<Fid> path = TRY(path_fid());
    Client::Walked walked = TRY(file_system_.client().walk(*path, {}));
    TRY(file_system_.client().call(Open{walked.fid->number(), OpenFile::server_flags(flags)}));
    return std::move(walked.fid);
}

Result<Ref<Fid>> Node::data_fid(bool for_writing) {
    Ref<Fid>& kept = kept_open_[for_writing];
    {
        const sync::Guard guard{file_system_.lock()};
        for (const OpenFile& file : open_files_)
            if (for_writing ? file.writable() && !file.fid_appends() : file.readable()) return Ref<Fid>{file.fid()};
        if (kept) return Ref<Fid>{kept};
    }
    Ref<Fid> fid = TRY(open_fid(for_writing ? O_WRONLY : O_RDONLY));
    const sync::Guard guard{file_system_.lock()};
    if (!kept) kept = fid;
    return fid;
}

// By /proc/self/fd even a file without a name can be opened: with the fid of one that is open and may do as much.
Ref<Fid> Node::shared_fid(uint32_t flags) {
    const uint32_t wanted = flags & O_ACCMODE;
    const sync::Guard guard{file_system_.lock()};
    if (!unlinked_) return nullptr;
    for (const OpenFile& file : open_files_) {
        const uint32_t mode = file.flags() & O_ACCMODE;
        if (mode == wanted || mode == O_RDWR) return file.fid();
    }
    return nullptr;
}

Result<Ref<File>> Node::open(uint32_t flags) {
    // Nothing is in a directory that was removed, and there is nothing to ask.
    if (is_directory() && unlinked()) return TRY(make_ref<InodeFile>(Ref<Inode>::share(this), flags));
    Ref<Fid> fid = shared_fid(flags);
    if (!fid) fid = TRY(open_fid(flags));
    return TRY(make_ref<OpenFile>(Ref<Node>::share(this), flags, std::move(fid)));
}

Attributes Node::translate(const GetAttributes::Reply& reply) const {
    Attributes a;
    a.device = file_system_.device();
    a.inode = qid_.path;
    // What kind of file this is was settled when it was found.
    a.mode = mode_of(type()) | (reply.mode & 07777);
    a.links = static_cast<uint32_t>(std::min<uint64_t>(reply.links, UINT32_MAX));
    a.uid = reply.uid;
    a.gid = reply.gid;
    a.device_number = reply.device_number;
    a.size = reply.size;
    a.blocks = reply.blocks;
    a.block_size = static_cast<uint32_t>(std::clamp(reply.block_size, page_size, largest_block_size));
    a.access_time = reply.access.since_epoch();
    a.modification_time = reply.modification.since_epoch();
    a.change_time = reply.change.since_epoch();
    if (reply.valid & GetAttributes::birth_time) a.birth_time = reply.birth.since_epoch();
    return a;
}

void Node::remember(const GetAttributes::Reply& reply) {
    note_size(reply.size);
    known_ = translate(reply);
    knowledge_ = Knowledge::Fresh;
    fresh_until_ = platform::monotonic_now() + freshness;
}

void Node::changed() {
    const sync::Guard guard{file_system_.lock()};
    if (knowledge_ == Knowledge::Fresh) knowledge_ = Knowledge::None;
}

Result<Attributes> Node::attributes() {
    {
        const sync::Guard guard{file_system_.lock()};
        if (knowledge_ == Knowledge::Kept) return known_;
        const bool fresh = knowledge_ == Knowledge::Fresh && platform::monotonic_now() < fresh_until_;
        knowledge_ = Knowledge::None;
        if (fresh) return known_;
    }
    const Ref<Fid> fid = TRY(any_fid());
    const auto reply = file_system_.client().call(GetAttributes{fid->number()});
    if (!reply.ok()) {
        // It may have lost its name meanwhile.
        const sync::Guard guard{file_system_.lock()};
        if (knowledge_ == Knowledge::Kept) return known_;
        return reply.error();
    }
    note_size(reply.value().size);
    return translate(reply.value());
}

Result<void> Node::set_attributes(const AttributeChange& change) {
    SetAttributes request{};
    if (change.permissions) request.valid |= SetAttributes::Mode, request.mode = *change.permissions;
    if (change.uid) request.valid |= SetAttributes::Uid, request.uid = *change.uid;
    if (change.gid) request.valid |= SetAttributes::Gid, request.gid = *change.gid;
    if (change.access_time) {
        request.valid |= SetAttributes::AccessTime | SetAttributes::AccessTimeGiven;
        request.access = Time::from(*change.access_time);
    }
    if (change.modification_time) {
        request.valid |= SetAttributes::ModificationTime | SetAttributes::ModificationTimeGiven;
        request.modification = Time::from(*change.modification_time);
    }
    {
        const sync::Guard guard{file_system_.lock()};
        if (knowledge_ == Knowledge::Kept) {
            if (change.permissions) known_.mode = mode_of(type()) | (*change.permissions & 07777);
            known_.uid = change.uid.value_or(known_.uid);
            known_.gid = change.gid.value_or(known_.gid);
            known_.access_time = change.access_time.value_or(known_.access_time);
            known_.modification_time = change.modification_time.value_or(known_.modification_time);
            known_.change_time = platform::realtime_now();
            return {};
        }
    }
    const Ref<Fid> fid = TRY(any_fid());
    request.fid = fid->number();
    TRY(file_system_.client().call(request));
    changed();
    return {};
}

std::optional<Attributes> Node::before_unlink() {
    bool held = false, appends = false, known = false;
    {
        const sync::Guard guard{file_system_.lock()};
        // Besides the caller and the system call that it serves.
        held = reference_count() > 2 && open_files_.empty();
        for (const OpenFile& file : open_files_) appends |= file.writable() && file.fid_appends();
        known = knowledge_ == Knowledge::Fresh;
    }
    // So that there are fids that still work then. They may be forbidden, which is why a failure does not count.
    if (held && type() == FileType::Regular) static_cast<void>(data_fid(false).ok());
    if (appends) static_cast<void>(data_fid(true).ok());
    if (!known) {
        const auto last = attributes();
        return last.ok() ? std::optional{last.value()} : std::nullopt;
    }
    const sync::Guard guard{file_system_.lock()};
    return known_;
}

Ref<Fid> Node::unlink_here(const std::optional<Attributes>& last) {
    unlinked_ = true;
    if (static_cast<ListNode<ByDirectory>&>(*this).linked()) List<Node, ByDirectory>::remove(*this);
    if (last) {
        known_ = *last;
        known_.links = is_directory() || known_.links == 0 ? 0 : known_.links - 1;
        known_.size = latest_size(known_.size);
        knowledge_ = Knowledge::Kept;
    }
    if (!last || known_.links == 0) file_system_.remove(*this);
    file_system_.names_changed();
    return std::move(fid_);
}

Result<void> Node::synchronize(bool data_only) {
    if (type() != FileType::Regular && !is_directory()) return {};
    Ref<Fid> fid;
    {
        const sync::Guard guard{file_system_.lock()};
        if (const OpenFile* file = open_files_.front()) fid = file->fid();
    }
    if (!fid) fid = TRY(data_fid(false));
    TRY(file_system_.client().call(Synchronize{fid->number(), data_only}));
    return {};
}

Result<size_t> Node::extended_attribute(std::string_view name, std::span<uint8_t> value) {
    const Ref<Fid> fid = TRY(any_fid());
    const TransferBuffer buffer{file_system_, value.size()};
    const Segment room = value.empty() ? Segment{} : buffer.bytes();
    const size_t size = TRY(file_system_.client().get_xattr(*fid, name, room));
    if (value.empty()) return size;
    if (size > value.size()) return Error{ERANGE};
    if (size > room.size()) return Error{ENOMEM};
    std::memcpy(value.data(), room.data(), size);
    return size;
}

Result<size_t> Node::list_extended_attributes(std::span<char> names) {
    // SAFETY: bytes as characters and the other way round.
    return extended_attribute({}, {reinterpret_cast<uint8_t*>(names.data()), names.size()});
}

Result<void> Node::set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) {
    // To the server, no value means no attribute.
    if (value.empty()) return Error{EOPNOTSUPP};
    const Ref<Fid> fid = TRY(path_fid());
    const TransferBuffer buffer{file_system_, value.size()};
    const Segment bytes = buffer.bytes();
    if (value.size() > bytes.size()) return Error{value.size() > file_system_.client().io_unit() ? E2BIG : ENOMEM};
    std::memcpy(bytes.data(), value.data(), value.size());
    TRY(file_system_.client().set_xattr(*fid, name, bytes.first(value.size()), flags));
    changed();
    return {};
}

Result<void> Node::remove_extended_attribute(std::string_view name) {
    const Ref<Fid> fid = TRY(path_fid());
    TRY(file_system_.client().set_xattr(*fid, name, {}, 0));
    changed();
    return {};
}

Result<std::string_view> SymbolicLink::link_target() {
    const sched::MutexGuard guard{lock_};
    if (target_.size() == 0) {
        const Ref<Fid> fid = TRY(path_fid());
        TRY(file_system_.client().call(ReadLink{fid->number()}, [&](const ReadLink::Reply& reply) -> Result<void> {
            target_ = TRY(String::copy(reply.target));
            return {};
        }));
    }
    return target_.view();
}

Result<Ref<File>> SpecialFile::open(uint32_t flags) { return dev::open_device(Ref<Inode>::share(this), flags); }

}  // namespace eremite::fs::ninep
