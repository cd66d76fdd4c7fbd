// getxattr(2), setxattr(2), listxattr(2), removexattr(2)
#include <sys/xattr.h>

#include <cstring>

#include "expect.hpp"

namespace file_ops {

void extended_attributes() {
    if (!has(Feature::ExtendedAttributes, "extended attributes")) return;
    static char value[256], big[65537], name[300];
    IS(1, make_file("f", "x"));
    FAILS(ENODATA, call(SYS_getxattr, "f", "user.a", value, sizeof value));
    OK(call(SYS_setxattr, "f", "user.a", "one", 3, 0));
    IS(3, call(SYS_getxattr, "f", "user.a", value, sizeof value));
    IS(0, std::memcmp(value, "one", 3));
    IS(3, call(SYS_getxattr, "f", "user.a", nullptr, 0));
    FAILS(ERANGE, call(SYS_getxattr, "f", "user.a", value, 2));
    FAILS(EEXIST, call(SYS_setxattr, "f", "user.a", "two", 3, XATTR_CREATE));
    FAILS(ENODATA, call(SYS_setxattr, "f", "user.b", "two", 3, XATTR_REPLACE));
    FAILS(EINVAL, call(SYS_setxattr, "f", "user.b", "two", 3, 8));
    OK(call(SYS_setxattr, "f", "user.a", "longer", 6, XATTR_REPLACE));
    if (has(Feature::EmptyAttributes, "an extended attribute without a value")) {
        OK(call(SYS_setxattr, "f", "user.empty", nullptr, 0, XATTR_CREATE));
        IS(0, call(SYS_getxattr, "f", "user.empty", value, sizeof value));
    } else {
        OK(call(SYS_setxattr, "f", "user.empty", "no", 2, XATTR_CREATE));
    }
    IS(18, call(SYS_listxattr, "f", nullptr, 0));
    IS(18, call(SYS_listxattr, "f", value, sizeof value));
    FAILS(ERANGE, call(SYS_listxattr, "f", value, 17));
    IS(3, open("f", O_RDWR));
    IS(6, call(SYS_fgetxattr, 3, "user.a", value, sizeof value));
    OK(call(SYS_fsetxattr, 3, "user.t", "t", 1, 0));
    IS(1, call(SYS_fgetxattr, 3, "user.t", value, sizeof value));
    OK(call(SYS_fremovexattr, 3, "user.t"));
    if (has(Feature::TrustedAttributes, "trusted extended attributes")) {
        OK(call(SYS_fsetxattr, 3, "trusted.t", "t", 1, 0));
        IS(1, call(SYS_fgetxattr, 3, "trusted.t", value, sizeof value));
        OK(call(SYS_fremovexattr, 3, "trusted.t"));
    }
    OK(close(3));
    OK(rename("f", "g"));
    IS(6, call(SYS_getxattr, "g", "user.a", value, sizeof value));
    OK(rename("g", "f"));
    OK(call(SYS_removexattr, "f", "user.a"));
    FAILS(ENODATA, call(SYS_removexattr, "f", "user.a"));
    OK(call(SYS_removexattr, "f", "user.empty"));
    IS(0, call(SYS_listxattr, "f", value, sizeof value));
    FAILS(EOPNOTSUPP, call(SYS_setxattr, "f", "unknown.a", "x", 1, 0));
    FAILS(EOPNOTSUPP, call(SYS_setxattr, "f", "a", "x", 1, 0));
    FAILS(EINVAL, call(SYS_setxattr, "f", "user.", "x", 1, 0));
    FAILS(E2BIG, call(SYS_setxattr, "f", "user.a", big, sizeof big, 0));
    FAILS(ERANGE, call(SYS_setxattr, "f", "", "x", 1, 0));
    std::memcpy(name, "user.", 5);
    std::memset(name + 5, 'n', 251);
    FAILS(ERANGE, call(SYS_setxattr, "f", name, "x", 1, 0));
    FAILS(ENOENT, call(SYS_getxattr, "missing", "user.a", value, sizeof value));
    FAILS(ENOTDIR, call(SYS_getxattr, "f/x", "user.a", value, sizeof value));
    FAILS(EBADF, call(SYS_fgetxattr, 99, "user.a", value, sizeof value));
    FAILS(EFAULT, call(SYS_getxattr, nullptr, "user.a", value, sizeof value));
    OK(mkdir("d", 0755));
    OK(call(SYS_setxattr, "d", "user.a", "dir", 3, 0));
    IS(3, call(SYS_getxattr, "d", "user.a", value, sizeof value));
    OK(rmdir("d"));
    // Those of users are not for symbolic links.
    if (has(Feature::SymbolicLinks, "extended attributes of symbolic links")) {
        OK(symlink("f", "s"));
        FAILS(EPERM, call(SYS_lsetxattr, "s", "user.a", "x", 1, 0));
        OK(call(SYS_setxattr, "s", "user.a", "x", 1, 0));
        IS(1, call(SYS_getxattr, "f", "user.a", value, sizeof value));
        if (has(Feature::TrustedAttributes, "trusted extended attributes of symbolic links")) {
            OK(call(SYS_lsetxattr, "s", "trusted.a", "link", 4, 0));
            IS(4, call(SYS_lgetxattr, "s", "trusted.a", value, sizeof value));
            FAILS(ENODATA, call(SYS_getxattr, "s", "trusted.a", value, sizeof value));
        }
        OK(unlink("s"));
    }
    OK(unlink("f"));
}

}  // namespace file_ops
