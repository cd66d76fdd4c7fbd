#include "libos/fs/fuse/node.hpp"

#include <algorithm>

#include "libos/fs/path.hpp"
#include "libos/fs/remote/open_file.hpp"
#include "libos/fs/remote/values.hpp"

namespace eremite::fs::fuse {

namespace {

// Servers that say "for ever" are believed for a day.
constexpr uint64_t longest_validity = 86400;

// linux/kdev_t.h: FUSE sends device numbers of 32 bits, the minor ones in two parts.
uint64_t device_of(uint32_t number) { return device_number(number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xfff00)); }

}  // namespace

Duration Node::validity(uint64_t seconds, uint32_t nanoseconds) {
    return Duration{remote::time_of(std::min(seconds, longest_validity), nanoseconds)};
}

Result<Node::Fetched> Node::translate(const fuse_attr& attr, uint64_t seconds, uint32_t nanoseconds, const remote::FileSystem& file_system) {
    if (attr.size > INT64_MAX || !remote::type_of(attr.mode)) return Error{EIO};
    Attributes a;
    a.device = file_system.device();
    a.inode = attr.ino;
    a.mode = attr.mode & (S_IFMT | 07777);
    a.links = attr.nlink;
    a.uid = attr.uid;
    a.gid = attr.gid;
    a.device_number = device_of(attr.rdev);
    a.size = attr.size;
    a.blocks = attr.blocks;
    a.block_size = remote::block_size_of(attr.blksize);
    a.access_time = remote::time_of(attr.atime, attr.atimensec);
    a.modification_time = remote::time_of(attr.mtime, attr.mtimensec);
    a.change_time = remote::time_of(attr.ctime, attr.ctimensec);
    return Fetched{a, validity(seconds, nanoseconds)};
}

Result<Node::Fetched> Node::fetch_attributes() {
    const auto out = TRY(client().call<fuse_attr_out>({FUSE_GETATTR, number(), fuse_getattr_in{}}));
    Fetched fetched = TRY(translate(out.attr, out.attr_valid, out.attr_valid_nsec, file_system_));
    // What kind of file this is was settled when it was found.
    if ((fetched.attributes.mode & S_IFMT) != mode_of(type())) return Error{EIO};
    return fetched;
}

Result<void> Node::change_attributes(const fuse_setattr_in& in) {
    TRY(client().call<fuse_attr_out>({FUSE_SETATTR, number(), in}));
    changed();
    return {};
}

Result<void> Node::set_attributes(const AttributeChange& change) {
    fuse_setattr_in in{};
    if (change.permissions) in.valid |= FATTR_MODE, in.mode = mode_of(type()) | *change.permissions;
    if (change.uid) in.valid |= FATTR_UID, in.uid = *change.uid;
    if (change.gid) in.valid |= FATTR_GID, in.gid = *change.gid;
    if (change.access_time) {
        const remote::SplitTime time = remote::split_time(*change.access_time);
        in.valid |= FATTR_ATIME, in.atime = time.seconds, in.atimensec = time.nanoseconds;
    }
    if (change.modification_time) {
        const remote::SplitTime time = remote::split_time(*change.modification_time);
        in.valid |= FATTR_MTIME, in.mtime = time.seconds, in.mtimensec = time.nanoseconds;
    }
    return change_attributes(in);
}

Result<Ref<remote::Handle>> Node::open_handle(uint32_t flags) {
    fuse_open_in in{};
    in.flags = remote::OpenFile::server_flags(flags);
    Ref<OpenHandle> handle = TRY(make_ref<OpenHandle>(client(), Ref<NodeId>{id_}, in.flags, is_directory()));
    const auto out = TRY(client().call<fuse_open_out>({is_directory() ? FUSE_OPENDIR : FUSE_OPEN, number(), in}));
    handle->set(out.fh);
    return Ref<remote::Handle>{std::move(handle)};
}

Result<size_t> Node::read_attribute(fuse_opcode opcode, std::string_view name, std::span<uint8_t> value) {
    constexpr size_t longest = 65536;  // xattr(7), of values and of lists
    fuse_getxattr_in in{};
    if (value.empty()) {
        const auto out = TRY(client().call<fuse_getxattr_out>({opcode, number(), in, name}));
        return out.size > longest ? Result<size_t>{Error{E2BIG}} : Result<size_t>{out.size};
    }
    const remote::TransferBuffer buffer{file_system_, std::min(value.size(), longest)};
    const Segment room = buffer.bytes().first(std::min(value.size(), buffer.bytes().size()));
    in.size = static_cast<uint32_t>(room.size());
    const auto size = client().call_for_data({opcode, number(), in, name}, std::span{&room, 1});
    // There was less memory than the caller has.
    if (size.code() == ERANGE && room.size() < std::min(value.size(), longest)) return Error{ENOMEM};
    if (size.ok()) std::memcpy(value.data(), room.data(), size.value());
    return size.ok() ? Result<size_t>{size.value()} : size.error();
}

namespace {
// A server without extended attributes does not know the requests.
template <typename T>
Result<T> without(Result<T> result) {
    if (result.code() == ENOSYS) return Error{EOPNOTSUPP};
    return result;
}
}  // namespace

Result<size_t> Node::extended_attribute(std::string_view name, std::span<uint8_t> value) {
    return without(read_attribute(FUSE_GETXATTR, name, value));
}

Result<size_t> Node::list_extended_attributes(std::span<char> names) {
    // SAFETY: bytes as characters and the other way round.
    const size_t size = TRY(without(read_attribute(FUSE_LISTXATTR, {}, {reinterpret_cast<uint8_t*>(names.data()), names.size()})));
    if (names.empty()) return size;
    // Each name has an end, and is not empty.
    char before = '\0';
    for (const char c : names.first(size)) {
        if (c == '\0' && before == '\0') return Error{EIO};
        before = c;
    }
    return before == '\0' ? Result<size_t>{size} : Error{EIO};
}

Result<void> Node::set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) {
    // The request is as it was before FUSE_SETXATTR_EXT, which we do not ask for.
    struct {
        uint32_t size;
        uint32_t flags;
    } in{static_cast<uint32_t>(value.size()), flags};
    static_assert(sizeof in == FUSE_COMPAT_SETXATTR_IN_SIZE);
    const remote::TransferBuffer buffer{file_system_, value.size()};
    if (value.size() > buffer.bytes().size()) return Error{value.size() > client().io_unit() ? E2BIG : ENOMEM};
    if (!value.empty()) std::memcpy(buffer.bytes().data(), value.data(), value.size());
    const Segment bytes = buffer.bytes().first(value.size());
    const auto set = client().call({FUSE_SETXATTR, number(), in, name}, std::span{&bytes, value.empty() ? size_t{0} : size_t{1}});
    if (set.ok()) changed();
    return without(set);
}

Result<void> Node::remove_extended_attribute(std::string_view name) {
    const auto removed = client().call({FUSE_REMOVEXATTR, number(), name});
    if (removed.ok()) changed();
    return without(removed);
}

Result<std::string_view> SymbolicLink::link_target() {
    return target_.get([this]() -> Result<String> {
        const remote::TransferBuffer buffer{file_system_, page_size};
        const Segment room = buffer.bytes().first(path_maximum - 1);
        const size_t size = TRY(client().call_for_data({FUSE_READLINK, number()}, std::span{&room, 1}));
        // SAFETY: the server's bytes are looked at as characters.
        return String::copy({reinterpret_cast<const char*>(room.data()), size});
    });
}

}  // namespace eremite::fs::fuse
