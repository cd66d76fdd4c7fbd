// Extended attributes (xattr(7)). No system call takes them from an O_PATH descriptor, but all take the name of one in /proc/self/fd, which is
// the thread's working directory.
#include <linux/limits.h>
#include <sys/xattr.h>

#include <string_view>

#include "vmm/fs/operations.hpp"

namespace eremite::vmm::fs::operations {

namespace {

static_assert(XATTR_LIST_MAX <= XATTR_SIZE_MAX);

// The guest's kernel does not ask for access control lists (FUSE_POSIX_ACL): it would not obey them.
bool is_hidden(std::string_view name) { return name == "system.posix_acl_access" || name == "system.posix_acl_default"; }

Result<DescriptorName> file_of(Share& share, const Request& request) {
    TRY(prepare_thread(share.descriptors.get()));
    return DescriptorName{TRY(share.inodes.find(request.node()))->descriptor.get()};
}

Result<const char*> attribute_of(Request& request) {
    const char* const name = TRY(request.text());
    if (is_hidden(name)) return Error{EOPNOTSUPP};
    return name;
}

Result<void> tell_size(Reply& reply, size_t size) {
    fuse_getxattr_out out{};
    out.size = static_cast<uint32_t>(size);
    if (sizeof out > reply.room()) return Error{E2BIG};
    reply.put(out);
    return {};
}

Result<void> tell(Reply& reply, std::span<const char> value) {
    if (value.size() > reply.room()) return Error{ERANGE};
    reply.put_bytes(std::as_bytes(value));
    return {};
}

}  // namespace

Result<void> set_extended(Share& share, Request& request, Reply&) {
    // Without FUSE_SETXATTR_EXT the structure is this part of it.
    struct {
        uint32_t size, flags;
    } in = request.take<decltype(in)>();
    static_assert(sizeof in == FUSE_COMPAT_SETXATTR_IN_SIZE);
    const char* const name = TRY(attribute_of(request));
    const std::span<const std::byte> value = TRY(request.bytes(in.size));
    const DescriptorName file = TRY(file_of(share, request));
    return done(::setxattr(file.text(), name, value.data(), value.size(), static_cast<int>(in.flags)));
}

Result<void> get_extended(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_getxattr_in>();
    const char* const name = TRY(attribute_of(request));
    const DescriptorName file = TRY(file_of(share, request));
    // Without room the kernel tells the size.
    std::vector<char> value(std::min<size_t>(in.size, XATTR_SIZE_MAX));
    const size_t size = TRY(checked(::getxattr(file.text(), name, value.data(), value.size())));
    return in.size == 0 ? tell_size(reply, size) : tell(reply, std::span{value}.first(size));
}

Result<void> list_extended(Share& share, Request& request, Reply& reply) {
    const auto in = request.take<fuse_getxattr_in>();
    const DescriptorName file = TRY(file_of(share, request));
    std::vector<char> all(XATTR_LIST_MAX), names;
    all.resize(TRY(checked(::listxattr(file.text(), all.data(), all.size()))));
    for (std::string_view left{all.data(), all.size()}; !left.empty();) {
        const size_t end = std::min(left.find('\0'), left.size() - 1) + 1;
        if (!is_hidden(left.substr(0, end - 1))) names.insert(names.end(), left.begin(), left.begin() + end);
        left.remove_prefix(end);
    }
    if (in.size == 0) return tell_size(reply, names.size());
    return names.size() > in.size ? Error{ERANGE} : tell(reply, names);
}

Result<void> remove_extended(Share& share, Request& request, Reply&) {
    const char* const name = TRY(attribute_of(request));
    const DescriptorName file = TRY(file_of(share, request));
    return done(::removexattr(file.text(), name));
}

}  // namespace eremite::vmm::fs::operations
