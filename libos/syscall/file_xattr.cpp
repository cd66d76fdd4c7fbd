#include "libos/syscall/file_xattr.hpp"

#include <linux/limits.h>
#include <sys/xattr.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "libos/fs/notify/watch.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr std::string_view user_space = "user.";

class NameArgument {
public:
    // ERANGE for a name that is empty or too long; EFAULT.
    Result<std::string_view> load(VirtualAddress address) {
        auto text = mm::copy_string_from_user(buffer_, address);
        if (text.code() == ENAMETOOLONG || (text.ok() && text.value().empty())) return Error{ERANGE};
        return text;
    }

private:
    std::array<char, XATTR_NAME_MAX + 1> buffer_;
};

// A value or a list on its way between file and program.
class Bytes {
public:
    Result<void> allocate(size_t size) {
        size_ = size;
        if (size == 0) return {};
        bytes_.reset(new (std::nothrow) uint8_t[size]);
        return bytes_ ? Result<void>{} : Error{ENOMEM};
    }
    [[nodiscard]] std::span<uint8_t> span() const { return {bytes_.get(), size_}; }

private:
    std::unique_ptr<uint8_t[]> bytes_;
    size_t size_ = 0;
};

// Attributes of the name space "user" belong to files and directories only (xattr(7)).
Result<void> check_name(const fs::Inode& inode, std::string_view name, Error otherwise) {
    const bool plain = inode.type() == fs::FileType::Regular || inode.is_directory();
    if (name.starts_with(user_space) && !plain) return otherwise;
    return {};
}

// The file that a call names.
struct Target {
    enum class Kind : uint8_t { Path, Link, Descriptor };
    Kind kind;
    uint64_t name;  // the path's address or the descriptor
    [[nodiscard]] Result<Ref<fs::Inode>> find() const {
        if (kind != Kind::Descriptor) return find_at(AT_FDCWD, VirtualAddress{name}, kind == Kind::Link ? AT_SYMLINK_NOFOLLOW : 0);
        const Ref<fs::File> file = TRY(get_file(static_cast<int>(name)));
        return inode_of(*file, Error{EOPNOTSUPP});
    }
};

Target at(VirtualAddress path) { return {Target::Kind::Path, path.value}; }
Target at_link(VirtualAddress path) { return {Target::Kind::Link, path.value}; }
Target at(int descriptor) { return {Target::Kind::Descriptor, static_cast<uint32_t>(descriptor)}; }

Result<long> get(Target target, VirtualAddress name_address, VirtualAddress value, size_t size) {
    NameArgument argument;
    const std::string_view name = TRY(argument.load(name_address));
    const Ref<fs::Inode> inode = TRY(target.find());
    TRY(check_name(*inode, name, Error{ENODATA}));
    Bytes bytes;
    TRY(bytes.allocate(std::min<size_t>(size, XATTR_SIZE_MAX)));
    const size_t length = TRY(inode->extended_attribute(name, bytes.span()));
    if (size != 0 && length != 0) TRY(mm::copy_to_user(value, bytes.span().data(), length));
    return static_cast<long>(length);
}

Result<long> set(Target target, VirtualAddress name_address, VirtualAddress value, size_t size, int flags) {
    if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0) return Error{EINVAL};
    NameArgument argument;
    const std::string_view name = TRY(argument.load(name_address));
    if (size > XATTR_SIZE_MAX) return Error{E2BIG};
    Bytes bytes;
    TRY(bytes.allocate(size));
    if (size != 0) TRY(mm::copy_from_user(bytes.span().data(), value, size));
    const Ref<fs::Inode> inode = TRY(target.find());
    TRY(may_change(*inode));
    TRY(check_name(*inode, name, Error{EPERM}));
    TRY(inode->set_extended_attribute(name, bytes.span(), static_cast<uint32_t>(flags)));
    fs::notify::tell(*inode, IN_ATTRIB);
    return 0L;
}

Result<long> list(Target target, VirtualAddress names, size_t size) {
    const Ref<fs::Inode> inode = TRY(target.find());
    Bytes bytes;
    TRY(bytes.allocate(std::min<size_t>(size, XATTR_LIST_MAX)));
    // SAFETY: characters may alias any bytes.
    const size_t length = TRY(inode->list_extended_attributes({reinterpret_cast<char*>(bytes.span().data()), bytes.span().size()}));
    if (size != 0 && length != 0) TRY(mm::copy_to_user(names, bytes.span().data(), length));
    return static_cast<long>(length);
}

Result<long> remove(Target target, VirtualAddress name_address) {
    NameArgument argument;
    const std::string_view name = TRY(argument.load(name_address));
    const Ref<fs::Inode> inode = TRY(target.find());
    TRY(may_change(*inode));
    TRY(check_name(*inode, name, Error{EPERM}));
    TRY(inode->remove_extended_attribute(name));
    fs::notify::tell(*inode, IN_ATTRIB);
    return 0L;
}

}  // namespace

Result<long> sys_getxattr(VirtualAddress path, VirtualAddress name, VirtualAddress value, size_t size) {
    return get(at(path), name, value, size);
}

Result<long> sys_lgetxattr(VirtualAddress path, VirtualAddress name, VirtualAddress value, size_t size) {
    return get(at_link(path), name, value, size);
}

Result<long> sys_fgetxattr(int descriptor, VirtualAddress name, VirtualAddress value, size_t size) {
    return get(at(descriptor), name, value, size);
}

Result<long> sys_setxattr(VirtualAddress path, VirtualAddress name, VirtualAddress value, size_t size, int flags) {
    return set(at(path), name, value, size, flags);
}

Result<long> sys_lsetxattr(VirtualAddress path, VirtualAddress name, VirtualAddress value, size_t size, int flags) {
    return set(at_link(path), name, value, size, flags);
}

Result<long> sys_fsetxattr(int descriptor, VirtualAddress name, VirtualAddress value, size_t size, int flags) {
    return set(at(descriptor), name, value, size, flags);
}

Result<long> sys_listxattr(VirtualAddress path, VirtualAddress names, size_t size) {
    return list(at(path), names, size);
}

Result<long> sys_llistxattr(VirtualAddress path, VirtualAddress names, size_t size) {
    return list(at_link(path), names, size);
}

Result<long> sys_flistxattr(int descriptor, VirtualAddress names, size_t size) {
    return list(at(descriptor), names, size);
}

Result<long> sys_removexattr(VirtualAddress path, VirtualAddress name) {
    return remove(at(path), name);
}

Result<long> sys_lremovexattr(VirtualAddress path, VirtualAddress name) {
    return remove(at_link(path), name);
}

Result<long> sys_fremovexattr(int descriptor, VirtualAddress name) {
    return remove(at(descriptor), name);
}

}  // namespace eremite::syscall
