#include "libos/socket/local_name.hpp"

#include <algorithm>
#include <cstring>

#include "libos/fs/notify/watch.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/proc/generators.hpp"
#include "libos/process/process.hpp"

namespace eremite::socket {

namespace {

constinit sync::Spinlock lock{sync::Rank::File};
constinit List<LocalName> names;
constexpr size_t family_size = offsetof(sockaddr_un, sun_path);

}  // namespace

sync::Spinlock& local_lock() { return lock; }
List<LocalName>& local_names() { return names; }

Result<LocalAddress> LocalAddress::parse(std::span<const uint8_t> bytes) {
    sa_family_t family = AF_UNSPEC;
    if (bytes.size() < family_size || bytes.size() > sizeof(sockaddr_un)) return Error{EINVAL};
    std::memcpy(&family, bytes.data(), sizeof family);
    if (family != AF_UNIX) return Error{EINVAL};
    LocalAddress a;
    a.size_ = bytes.size() - family_size;
    std::memcpy(a.path_, bytes.data() + family_size, a.size_);
    if (!a.abstract()) a.size_ = std::strlen(a.path_);
    return a;
}

LocalAddress LocalAddress::numbered(uint32_t number) {
    LocalAddress a;
    BufferSink sink{{a.path_ + 1, 5}};
    fs::proc::write_hexadecimal(sink, number, 5);
    a.size_ = 6;
    return a;
}

size_t LocalAddress::write(std::span<uint8_t> buffer) const {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    // A path that fills all of it has its final zero behind it.
    const size_t path = size_ + (size_ != 0 && !abstract() ? 1 : 0);
    std::memcpy(out.sun_path, path_, std::min(path, sizeof out.sun_path));
    std::memcpy(buffer.data(), &out, std::min({buffer.size(), sizeof out, family_size + path}));
    return family_size + path;
}

Result<void> create_file(LocalAddress& address) {
    if (address.abstract()) return {};
    fs::Context& context = process::current().fs();
    const fs::Location where = TRY(fs::walk(context, context.working_directory(), address.path(), {.follow_last = false, .want_parent = true}));
    if (where.last != fs::Location::Last::Name || where.inode) return Error{EADDRINUSE};
    if (where.trailing_slash) return Error{ENOENT};
    if (where.parent->file_system().read_only()) return Error{EROFS};
    auto made = where.parent->create(where.name, {.mode = S_IFSOCK | (0777 & ~context.umask())});
    if (!made.ok()) return Error{made.code() == EEXIST ? EADDRINUSE : made.code()};
    address.inode = std::move(made.value());
    fs::notify::tell_name(*where.parent, where.name, IN_CREATE, false);
    return {};
}

Result<void> find_file(LocalAddress& address) {
    if (address.abstract()) return {};
    fs::Context& context = process::current().fs();
    address.inode = TRY(fs::find(context, context.working_directory(), address.path()));
    return address.inode->type() == fs::FileType::Socket ? Result<void>{} : Result<void>{Error{ECONNREFUSED}};
}

LocalSocket* find_local(const LocalAddress& address) {
    for (const LocalName& name : names)
        if (address.inode ? name.address.inode == address.inode : name.address.abstract() && name.address.path() == address.path())
            return name.holder;
    return nullptr;
}

Result<void> publish(LocalName& name, LocalSocket& holder) {
    if (find_local(name.address)) return Error{EADDRINUSE};
    name.holder = &holder;
    names.push_back(name);
    return {};
}

}  // namespace eremite::socket
