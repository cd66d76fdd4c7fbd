// mkdir, rmdir, unlink, rename, link, symlink, mknod, getdents
#include <linux/fs.h>

#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[4096];

long rename2(const char* from, const char* to, unsigned flags) { return call(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags); }
long linkat(const char* from, const char* to, int flags) { return call(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, flags); }
long unlinkat(int directory, const char* path, int flags) { return call(SYS_unlinkat, directory, path, flags); }

void directories() {
    CHECK(mkdir("d", 0777));
    CHECK(mode_of("d"));
    CHECK(links_of("d"));
    CHECK(mkdir("d", 0777));
    CHECK(mkdir("d/", 0777));
    CHECK(mkdir("d/e/", 0700));
    CHECK(links_of("d"));
    CHECK(mkdir("x/y", 0777));
    CHECK(mkdir("", 0777));
    CHECK(mkdir("/", 0777));
    CHECK(mkdir(".", 0777));
    CHECK(mkdir("..", 0777));
    CHECK(rmdir("d"));
    CHECK(rmdir("d/."));
    CHECK(rmdir("d/e/.."));
    CHECK(rmdir("d/e/"));
    CHECK(links_of("d"));
    CHECK(rmdir("missing"));
    CHECK(rmdir("/"));
    CHECK(make_file("f", "x"));
    CHECK(rmdir("f"));
    CHECK(mkdir("f", 0777));
    CHECK(mkdir("f/d", 0777));
    CHECK(unlink("d"));
    CHECK(unlink("d/"));
    CHECK(unlink("f/"));
    CHECK(unlink("missing/"));
    CHECK(unlink("missing"));
    CHECK(unlink("."));
    CHECK(unlink(".."));
    CHECK(unlink("/"));
    CHECK(unlink(""));
    CHECK(unlinkat(AT_FDCWD, "f", 1));
    CHECK(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
    CHECK(unlinkat(99, "f", 0));
    CHECK(unlink("f"));
    CHECK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    CHECK(call(SYS_mkdirat, AT_FDCWD, "sticky", 01777));
    CHECK(mode_of("sticky"));
    CHECK(rmdir("sticky"));
}

void links() {
    CHECK(make_file("f", "linked"));
    CHECK(link("f", "g"));
    CHECK(links_of("f"));
    CHECK(link("f", "g"));
    CHECK(link("missing", "h"));
    CHECK(link("f", "x/h"));
    CHECK(link("f", "h/"));
    CHECK(link("f/", "h"));
    CHECK(mkdir("d", 0755));
    CHECK(link("d", "e"));
    CHECK(link("f", "d"));
    CHECK(link("f", "d/f"));
    CHECK(links_of("d/f"));
    CHECK(unlink("f"));
    CHECK(links_of("g"));
    show("g");
    CHECK(symlink("g", "s"));
    CHECK(link("s", "t"));
    CHECK(links_of("s"));
    CHECK(mode_of("t"));
    CHECK(linkat("s", "u", AT_SYMLINK_FOLLOW));
    CHECK(links_of("g"));
    CHECK(linkat("s", "v", 0x7));
    CHECK(open("g", O_RDONLY));
    CHECK(call(SYS_linkat, 3, "", AT_FDCWD, "v", AT_EMPTY_PATH));
    CHECK(close(3));
    CHECK(links_of("v"));
    show_directory(".");
    for (const char* name : {"g", "s", "t", "u", "v", "d/f"}) CHECK(unlink(name));
    CHECK(rmdir("d"));
}

void symbolic_links() {
    CHECK(symlink("target", "s"));
    CHECK(size_of("s"));
    CHECK(mode_of("s"));
    CHECK(symlink("target", "s"));
    CHECK(symlink("", "e"));
    CHECK(symlink("x", ""));
    CHECK(symlink("x", "t/"));
    CHECK(call(SYS_readlink, "s", buffer, 100));
    CHECK(std::memcmp(buffer, "target", 6));
    CHECK(call(SYS_readlink, "s", buffer, 3));
    CHECK(call(SYS_readlink, "s", buffer, 0));
    CHECK(call(SYS_readlink, "s", buffer, -1));
    CHECK(call(SYS_readlink, "missing", buffer, 100));
    CHECK(make_file("f", ""));
    CHECK(call(SYS_readlink, "f", buffer, 100));
    CHECK(call(SYS_readlink, "", buffer, 100));
    CHECK(open("s", O_RDONLY));
    CHECK(mkdir("s", 0755));
    CHECK(open("s", O_RDONLY | O_CREAT | O_EXCL, 0644));
    CHECK(unlink("s"));
    CHECK(unlink("f"));
    std::memset(buffer, 'l', 4095);
    buffer[4095] = 0;
    CHECK(symlink(buffer, "long"));
    CHECK(size_of("long"));
    CHECK(open("long", O_RDONLY));
    CHECK(unlink("long"));
}

void renames() {
    CHECK(make_file("a", "A"));
    CHECK(make_file("b", "B"));
    CHECK(rename("a", "c"));
    CHECK(mode_of("a"));
    CHECK(rename("c", "b"));
    show("b");
    CHECK(rename("missing", "b"));
    CHECK(rename("b", "x/b"));
    CHECK(rename("b", "b"));
    CHECK(rename("b", "b/"));
    CHECK(rename("b/", "c"));
    CHECK(rename("b", ""));
    CHECK(rename("", "b"));
    CHECK(rename(".", "x"));
    CHECK(rename("..", "x"));
    CHECK(rename("b", "."));
    CHECK(rename("b", "/"));
    CHECK(mkdir("d", 0755));
    CHECK(mkdir("d/e", 0755));
    CHECK(mkdir("empty", 0755));
    CHECK(rename("d", "d/e/f"));
    CHECK(rename("d", "d/e"));
    CHECK(rename("d/e", "d"));
    CHECK(rename("b", "d"));
    CHECK(rename("d", "b"));
    CHECK(rename("empty", "d"));
    CHECK(rename("d", "empty"));
    CHECK(mode_of("d"));
    CHECK(mode_of("empty/e"));
    CHECK(rename("empty/", "d/"));
    CHECK(rename("b", "d/b"));
    CHECK(rename("d/b", "d/e/b"));
    show("d/e/b");
    CHECK(links_of("d"));
    CHECK(rename("d/e", "e"));
    CHECK(links_of("d"));
    CHECK(open("e/../e/b", O_RDONLY));
    CHECK(close(3));
    CHECK(link("e/b", "hard"));
    CHECK(rename("e/b", "hard"));
    CHECK(links_of("hard"));
    CHECK(mode_of("e/b"));
    CHECK(unlink("hard"));
    CHECK(rename("e/b", "b"));
    CHECK(make_file("other", "other"));
    CHECK(rename2("b", "other", RENAME_NOREPLACE));
    CHECK(rename2("b", "new", RENAME_NOREPLACE));
    // After three rounds all is as it was, so that what follows is the same without.
    for (int i = 0; i < 3 && !limited; ++i) {
        CHECK(rename2("new", "other", RENAME_EXCHANGE));
        show("new");
        show("other");
        CHECK(rename2("new", "d", RENAME_EXCHANGE));
        CHECK(mode_of("new"));
        show("d");
    }
    CHECK(rename2("new", "missing", RENAME_EXCHANGE));
    CHECK(rename2("new", "other", RENAME_EXCHANGE | RENAME_NOREPLACE));
    CHECK(rename2("new", "other", 64));
    CHECK(call(SYS_renameat, 99, "new", AT_FDCWD, "x"));
    CHECK(symlink("other", "s"));
    CHECK(rename("s", "t"));
    CHECK(mode_of("t"));
    CHECK(open("other", O_RDONLY));
    CHECK(rename("t", "other"));
    CHECK(read(3, buffer, 10));
    CHECK(close(3));
    show_directory(".");
    CHECK(unlink("other"));
    CHECK(unlink("new"));
    CHECK(rmdir("e"));
    CHECK(rmdir("d"));
}

void nodes() {
    CHECK(call(SYS_mknod, "n", S_IFREG | 0666, 0));
    CHECK(mode_of("n"));
    CHECK(call(SYS_mknod, "n", S_IFREG | 0666, 0));
    CHECK(call(SYS_mknod, "m", 0644, 0));
    CHECK(mode_of("m"));
    CHECK(call(SYS_mknod, "d", S_IFDIR | 0666, 0));
    CHECK(call(SYS_mknod, "d", 0170000 | 0666, 0));
    CHECK(call(SYS_mknodat, AT_FDCWD, "n/", S_IFREG | 0666, 0));
    CHECK(unlink("n"));
    CHECK(unlink("m"));
}

void listings() {
    static char name[16];
    CHECK(mkdir("d", 0755));
    show_directory("d");
    for (int i = 0; i < 100; ++i) {
        std::snprintf(name, sizeof name, "d/%d", i);
        if (make_file(name, "") != 0) CHECK(i);
    }
    CHECK(mkdir("d/sub", 0755));
    CHECK(symlink("0", "d/link"));
    show_directory("d");
    CHECK(open("d", O_RDONLY));
    CHECK(call(SYS_getdents64, 3, buffer, 10));
    CHECK(call(SYS_getdents64, 3, nullptr, 4096));
    CHECK(lseek(3, 0, SEEK_SET));
    // Remove while listing in small pieces: nothing may be missed.
    int seen = 0;
    long size = 0;
    while ((size = call(SYS_getdents64, 3, buffer, 200)) > 0) {
        for (long at = 0; at < size;) {
            uint16_t length = 0;
            std::memcpy(&length, buffer + at + 16, sizeof length);
            if (call(SYS_unlinkat, 3, buffer + at + 19, 0) == 0) ++seen;
            at += length;
        }
    }
    CHECK(size);
    CHECK(seen);
    CHECK(call(SYS_getdents64, 3, buffer, 4096));
    CHECK(rmdir("d/sub"));
    CHECK(rmdir("d"));
    CHECK(call(SYS_getdents64, 3, buffer, 4096));
    CHECK(openat(3, "x", O_CREAT | O_RDWR, 0644));
    CHECK(call(SYS_mkdirat, 3, "x", 0755));
    CHECK(close(3));
    CHECK(make_file("f", ""));
    CHECK(open("f", O_RDONLY));
    CHECK(call(SYS_getdents64, 3, buffer, 4096));
    CHECK(close(3));
    CHECK(call(SYS_getdents64, 3, buffer, 4096));
    CHECK(unlink("f"));
}

}  // namespace

void name_checks() {
    directories();
    links();
    symbolic_links();
    renames();
    nodes();
    listings();
    show_directory(".");
}

}  // namespace file_ops
