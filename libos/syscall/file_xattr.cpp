#include "libos/syscall/file_xattr.hpp"

#include <string_view>

#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr size_t attribute_name_maximum = 255;

// ENODATA in the name spaces that tmpfs has, EOPNOTSUPP elsewhere; ERANGE for a malformed name.
Error absent(VirtualAddress name) {
    std::array<char, attribute_name_maximum + 1> buffer;
    const auto text = mm::copy_string_from_user(buffer, name);
    if (text.code() == ENAMETOOLONG || (text.ok() && text.value().empty())) return Error{ERANGE};
    if (!text.ok()) return text.error();
    const bool known = text.value().starts_with("trusted.") || text.value().starts_with("security.");
    return Error{known ? ENODATA : EOPNOTSUPP};
}

Error refused(VirtualAddress name) {
    const Error reason = absent(name);
    return reason.code == ENODATA ? Error{EOPNOTSUPP} : reason;
}

}  // namespace

Result<long> sys_getxattr(VirtualAddress path, VirtualAddress name, VirtualAddress, size_t) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, 0));
    return absent(name);
}

Result<long> sys_lgetxattr(VirtualAddress path, VirtualAddress name, VirtualAddress, size_t) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
    return absent(name);
}

Result<long> sys_fgetxattr(int descriptor, VirtualAddress name, VirtualAddress, size_t) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    return absent(name);
}

Result<long> sys_setxattr(VirtualAddress path, VirtualAddress name, VirtualAddress, size_t, int) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, 0));
    return refused(name);
}

Result<long> sys_lsetxattr(VirtualAddress path, VirtualAddress name, VirtualAddress, size_t, int) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
    return refused(name);
}

Result<long> sys_fsetxattr(int descriptor, VirtualAddress name, VirtualAddress, size_t, int) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    return refused(name);
}

Result<long> sys_listxattr(VirtualAddress path, VirtualAddress, size_t) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, 0));
    return 0L;
}

Result<long> sys_llistxattr(VirtualAddress path, VirtualAddress, size_t) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
    return 0L;
}

Result<long> sys_flistxattr(int descriptor, VirtualAddress, size_t) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    return 0L;
}

Result<long> sys_removexattr(VirtualAddress path, VirtualAddress name) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, 0));
    return absent(name);
}

Result<long> sys_lremovexattr(VirtualAddress path, VirtualAddress name) {
    const Ref<fs::Inode> inode = TRY(find_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
    return absent(name);
}

Result<long> sys_fremovexattr(int descriptor, VirtualAddress name) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    return absent(name);
}

}  // namespace eremite::syscall
