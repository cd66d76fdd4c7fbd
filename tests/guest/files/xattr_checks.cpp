// Extended attributes
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "check.hpp"

namespace file_ops {

namespace {

char value[70000];
char name[300];

long get(const char* path, const char* attribute, size_t size = sizeof value) { return call(SYS_getxattr, path, attribute, value, size); }
long set(const char* path, const char* attribute, const char* text, int flags = 0) {
    return call(SYS_setxattr, path, attribute, text, std::strlen(text), flags);
}

// Names in an order of ours: kernels differ in theirs.
void show_names(const char* path) {
    const long size = call(SYS_llistxattr, path, value, sizeof value);
    std::array<std::string_view, 16> names;
    size_t count = 0;
    for (long at = 0; at < size && count < names.size(); at += static_cast<long>(names[count++].size()) + 1) names[count] = value + at;
    std::sort(names.begin(), names.begin() + static_cast<ptrdiff_t>(count));
    std::fprintf(output, "attributes of %s: %ld", path, size);
    for (size_t i = 0; i < count; ++i) std::fprintf(output, " %s", names[i].data());
    std::fprintf(output, "\n");
}

void values() {
    CHECK(make_file("f", ""));
    CHECK(call(SYS_listxattr, "f", nullptr, 0));
    CHECK(set("f", "user.a", "first"));
    CHECK(set("f", "trusted.b", "second one"));
    CHECK(get("f", "user.a"));
    CHECK(std::memcmp(value, "first", 5));
    CHECK(get("f", "user.a", 0));
    CHECK(get("f", "user.a", 4));
    CHECK(get("f", "user.a", 5));
    CHECK(set("f", "user.a", "again", XATTR_CREATE));
    CHECK(set("f", "user.none", "again", XATTR_REPLACE));
    CHECK(set("f", "user.a", "longer than before", XATTR_REPLACE));
    CHECK(get("f", "user.a"));
    CHECK(std::memcmp(value, "longer than before", 18));
    CHECK(set("f", "user.empty", ""));
    CHECK(get("f", "user.empty"));
    show_names("f");
    CHECK(call(SYS_listxattr, "f", nullptr, 0));
    CHECK(call(SYS_listxattr, "f", value, 10));
    CHECK(call(SYS_removexattr, "f", "user.empty"));
    CHECK(call(SYS_removexattr, "f", "user.empty"));
    show_names("f");
    CHECK(link("f", "g"));
    CHECK(get("g", "trusted.b"));
    CHECK(rename("g", "h"));
    CHECK(get("h", "trusted.b"));
    CHECK(unlink("h"));
}

void errors() {
    CHECK(set("f", "user.", "x"));
    CHECK(set("f", "none", "x"));
    CHECK(set("f", "", "x"));
    CHECK(set("f", "system.unknown", "x"));
    CHECK(set("f", "user.a", "x", 4));
    CHECK(set("missing", "user.a", "x"));
    CHECK(get("f", "user.b"));
    CHECK(get("f", "trusted."));
    CHECK(call(SYS_getxattr, "f", nullptr, value, 10));
    CHECK(call(SYS_getxattr, "f", "user.a", nullptr, 100));
    CHECK(call(SYS_setxattr, "f", "user.c", nullptr, 1, 0));
    CHECK(call(SYS_setxattr, "f", "user.c", value, 65537, 0));
    std::memset(name, 'n', sizeof name);
    std::memcpy(name, "user.", 5);
    name[256] = 0;
    CHECK(set("f", name, "too long"));
    name[255] = 0;
    CHECK(set("f", name, "long"));
    CHECK(get("f", name));
    CHECK(call(SYS_removexattr, "f", name));
    CHECK(call(SYS_removexattr, "f", "trusted."));
    CHECK(call(SYS_removexattr, "f", "foreign.x"));
}

void kinds() {
    CHECK(mkdir("d", 0755));
    CHECK(set("d", "user.a", "directory"));
    CHECK(get("d", "user.a"));
    CHECK(symlink("f", "s"));
    CHECK(get("s", "user.a"));
    CHECK(call(SYS_lsetxattr, "s", "user.a", "x", 1, 0));
    CHECK(call(SYS_lgetxattr, "s", "user.a", value, 10));
    CHECK(call(SYS_lsetxattr, "s", "trusted.link", "xyz", 3, 0));
    CHECK(call(SYS_lgetxattr, "s", "trusted.link", value, 10));
    show_names("s");
    CHECK(call(SYS_lremovexattr, "s", "trusted.link"));
    CHECK(open("f", O_RDONLY));
    CHECK(call(SYS_fsetxattr, 3, "user.fd", "by descriptor", 13, 0));
    CHECK(call(SYS_fgetxattr, 3, "user.fd", value, 100));
    CHECK(call(SYS_flistxattr, 3, nullptr, 0));
    CHECK(call(SYS_fremovexattr, 3, "user.fd"));
    CHECK(call(SYS_fgetxattr, 99, "user.fd", value, 100));
    CHECK(close(3));
    CHECK(open("f", O_PATH));
    CHECK(call(SYS_fgetxattr, 3, "user.a", value, 100));
    CHECK(call(SYS_fsetxattr, 3, "user.a", value, 1, 0));
    CHECK(close(3));
    for (const char* path : {"s", "f"}) CHECK(unlink(path));
    CHECK(rmdir("d"));
}

}  // namespace

void xattr_checks() {
    values();
    errors();
    kinds();
    show_directory(".");
}

}  // namespace file_ops
