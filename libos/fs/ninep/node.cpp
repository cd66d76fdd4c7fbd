#include "libos/fs/ninep/node.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "libos/fs/path.hpp"
#include "libos/fs/remote/open_file.hpp"
#include "libos/fs/remote/values.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::ninep {

namespace {

// How old attributes may be that are told without asking: long enough for one system call.
constexpr Duration freshness = Duration::milliseconds(1);

}  // namespace

Result<Ref<Fid>> Node::path_fid() {
    std::array<char, name_maximum> name;
    size_t length = 0;
    Ref<Node> directory;
    {
        const sync::Guard guard{file_system_.lock()};
        if (unlinked_) return Error{ENOENT};
        if (fid_) return Ref<Fid>{fid_};
        if (!parent_) return Error{ENOENT};
        // SAFETY: all inodes of this file system are of this class.
        directory = Ref<Node>::share(static_cast<Node*>(parent_.get()));
        length = name_.view().copy(name.data(), name.size());
    }
    const Ref<Fid> from = TRY(directory->path_fid());
    Client::Walked walked = TRY(client().walk(*from, {name.data(), length}));
    if (identity_of(walked.qid) != identity()) return Error{ENOENT};
    const sync::Guard guard{file_system_.lock()};
    if (!fid_) fid_ = walked.fid;
    return std::move(walked.fid);
}

Result<Ref<Fid>> Node::any_fid() {
    {
        const sync::Guard guard{file_system_.lock()};
        // The newest name, if it was looked up since the file was opened.
        if (fid_) return Ref<Fid>{fid_};
        // SAFETY: all handles of this file system are fids.
        if (const Ref<remote::Handle> handle = any_handle()) return Ref<Fid>::share(static_cast<Fid*>(handle.get()));
    }
    return path_fid();
}

Result<Ref<remote::Handle>> Node::open_handle(uint32_t flags) {
    const Ref<Fid> path = TRY(path_fid());
    Client::Walked walked = TRY(client().walk(*path, {}));
    TRY(client().call(Open{walked.fid->number(), remote::OpenFile::server_flags(flags)}));
    return Ref<remote::Handle>{std::move(walked.fid)};
}

Node::Fetched Node::translate(const GetAttributes::Reply& reply, const remote::FileSystem& file_system, const remote::Identity& identity,
                              FileType type) {
    Attributes a;
    a.device = file_system.device();
    a.inode = identity.number;
    // What kind of file this is was settled when it was found.
    a.mode = mode_of(type) | (reply.mode & 07777);
    a.links = static_cast<uint32_t>(std::min<uint64_t>(reply.links, UINT32_MAX));
    a.uid = reply.uid;
    a.gid = reply.gid;
    a.device_number = reply.device_number;
    a.size = reply.size;
    a.blocks = reply.blocks;
    a.block_size = remote::block_size_of(reply.block_size);
    a.access_time = reply.access.since_epoch();
    a.modification_time = reply.modification.since_epoch();
    a.change_time = reply.change.since_epoch();
    if (reply.valid & GetAttributes::birth_time) a.birth_time = reply.birth.since_epoch();
    return {a, freshness};
}

Result<Node::Fetched> Node::fetch_attributes() {
    const Ref<Fid> fid = TRY(any_fid());
    return translate(TRY(client().call(GetAttributes{fid->number()})), file_system_, identity(), type());
}

Result<Attributes> Node::attributes() {
    {
        const sync::Guard guard{file_system_.lock()};
        if (kept_) return known_;
    }
    const auto fetched = remote::Node::attributes();
    const sync::Guard guard{file_system_.lock()};
    // What a look-up brought along is used once: the next call asks the server.
    fresh_until_ = {};
    if (fetched.ok()) return fetched.value();
    // It may have lost its name meanwhile.
    if (kept_) return known_;
    return fetched.error();
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
        if (kept_) {
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
    TRY(client().call(request));
    changed();
    return {};
}

std::optional<Attributes> Node::before_unlink() {
    bool held = false, appends = false;
    {
        const sync::Guard guard{file_system_.lock()};
        // Besides the caller and the system call that it serves.
        held = reference_count() > 2 && !has_open_files();
        appends = appended_to();
    }
    // So that there are fids that still work then. They may be forbidden, which is why a failure does not count.
    if (held && type() == FileType::Regular) static_cast<void>(data_handle(false).ok());
    if (appends) static_cast<void>(data_handle(true).ok());
    const auto last = attributes();
    return last.ok() ? std::optional{last.value()} : std::nullopt;
}

Ref<Fid> Node::unlink_here(const std::optional<Attributes>& last) {
    lose_name();
    if (last) {
        known_ = *last;
        known_.links = is_directory() || known_.links == 0 ? 0 : known_.links - 1;
        known_.size = latest_size(known_.size);
        kept_ = true;
    }
    if (!last || known_.links == 0) file_system_.remove(*this);
    return std::move(fid_);
}

Result<size_t> Node::extended_attribute(std::string_view name, std::span<uint8_t> value) {
    const Ref<Fid> fid = TRY(any_fid());
    const remote::TransferBuffer buffer{file_system_, value.size()};
    const Segment room = value.empty() ? Segment{} : buffer.bytes();
    const size_t size = TRY(client().get_xattr(*fid, name, room));
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
    const remote::TransferBuffer buffer{file_system_, value.size()};
    const Segment bytes = buffer.bytes();
    if (value.size() > bytes.size()) return Error{value.size() > client().io_unit() ? E2BIG : ENOMEM};
    std::memcpy(bytes.data(), value.data(), value.size());
    TRY(client().set_xattr(*fid, name, bytes.first(value.size()), flags));
    changed();
    return {};
}

Result<void> Node::remove_extended_attribute(std::string_view name) {
    const Ref<Fid> fid = TRY(path_fid());
    TRY(client().set_xattr(*fid, name, {}, 0));
    changed();
    return {};
}

Result<std::string_view> SymbolicLink::link_target() {
    return target_.get([this]() -> Result<String> {
        const Ref<Fid> fid = TRY(path_fid());
        String target;
        TRY(client().call(ReadLink{fid->number()}, [&](const ReadLink::Reply& reply) -> Result<void> {
            target = TRY(String::copy(reply.target));
            return {};
        }));
        return target;
    });
}

}  // namespace eremite::fs::ninep
