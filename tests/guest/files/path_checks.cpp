// Path walk: dots, slashes, links, limits; chdir, fchdir, getcwd
#include <cerrno>
#include <cstring>

#include "check.hpp"

namespace file_ops {

namespace {

char buffer[8192];

void shapes() {
    CHECK(mkdir("d", 0755));
    CHECK(make_file("d/f", "x"));
    CHECK(size_of("d/f"));
    CHECK(size_of("./d/./f"));
    CHECK(size_of("d//f"));
    CHECK(size_of("d/../d/f"));
    CHECK(size_of("d/f/"));
    CHECK(size_of("d/f/."));
    CHECK(size_of("d/f/.."));
    CHECK(size_of("missing/.."));
    CHECK(mode_of("d/"));
    CHECK(mode_of("d/."));
    CHECK(mode_of("d/.."));
    CHECK(mode_of("/"));
    CHECK(mode_of("/.."));
    CHECK(mode_of("/../../."));
    CHECK(mode_of("//"));
}

void links() {
    CHECK(symlink("d", "s"));
    CHECK(symlink("s/f", "t"));
    CHECK(symlink("d/", "slash"));
    CHECK(symlink("t/", "wrong"));
    CHECK(symlink(".", "d/here"));
    CHECK(symlink("..", "d/up"));
    CHECK(size_of("s/f"));
    show("t");
    CHECK(mode_of("s"));
    CHECK(mode_of("s/"));
    CHECK(mode_of("slash/f"));
    CHECK(open("wrong", O_RDONLY));
    CHECK(mode_of("d/here/here/here/f"));
    CHECK(mode_of("d/up/d/up/d/f"));
    CHECK(mode_of("s/../s/here/f"));
    CHECK(rmdir("s"));
    CHECK(rmdir("s/"));
    CHECK(unlink("s/"));
    CHECK(mkdir("s/new", 0755));
    CHECK(rmdir("d/new"));
    CHECK(symlink("dangling-target", "dangling"));
    CHECK(mkdir("dangling", 0755));
    CHECK(mkdir("dangling/", 0755));
    CHECK(open("dangling", O_RDONLY));
    CHECK(open("dangling/", O_RDONLY));
    CHECK(open("dangling/x", O_RDONLY));
    CHECK(rename("s/f", "s/g"));
    CHECK(rename("d/g", "s/f"));
    CHECK(symlink("loop2", "loop1"));
    CHECK(symlink("loop1", "loop2"));
    CHECK(open("loop1", O_RDONLY));
    CHECK(open("loop1/x", O_RDONLY));
    CHECK(mode_of("loop1"));
    CHECK(symlink("self/x", "self"));
    CHECK(open("self", O_RDONLY));
    for (const char* name : {"s", "t", "slash", "wrong", "d/here", "d/up", "loop1", "loop2", "self", "dangling"}) CHECK(unlink(name));
    // The fortieth link is still followed.
    static char from[16];
    static char to[16];
    CHECK(make_file("l0", "end"));
    for (int i = 1; i <= 42; ++i) {
        std::snprintf(to, sizeof to, "l%d", i - 1);
        std::snprintf(from, sizeof from, "l%d", i);
        if (symlink(to, from) != 0) CHECK(i);
    }
    show("l39");
    show("l40");
    show("l41");
    for (int i = 0; i <= 42; ++i) {
        std::snprintf(from, sizeof from, "l%d", i);
        if (unlink(from) != 0) CHECK(i);
    }
}

void limits() {
    std::memset(buffer, 'n', sizeof buffer);
    buffer[255] = 0;
    CHECK(make_file(buffer, "long name"));
    CHECK(unlink(buffer));
    buffer[255] = 'n';
    buffer[256] = 0;
    CHECK(open(buffer, O_CREAT | O_RDWR, 0644) == -ENAMETOOLONG);
    CHECK(mkdir(buffer, 0755) == -ENAMETOOLONG);
    CHECK(stat(buffer, reinterpret_cast<Status*>(buffer + 4096)));
    for (size_t i = 0; i < sizeof buffer; i += 2) std::memcpy(buffer + i, "./", 2);
    buffer[4095] = 0;
    CHECK(chdir(buffer));
    buffer[4095] = '/';
    buffer[4096] = 0;
    CHECK(chdir(buffer));
}

void working_directory() {
    CHECK(open(".", O_RDONLY));
    CHECK(chdir("d"));
    CHECK(size_of("f"));
    CHECK(size_of("../d/f"));
    CHECK(chdir("f"));
    CHECK(chdir("missing"));
    CHECK(chdir(""));
    const long length = call(SYS_getcwd, buffer, sizeof buffer);
    CHECK(length > 2);
    CHECK(std::strcmp(buffer + length - 3, "/d"));
    CHECK(call(SYS_getcwd, buffer, 2));
    CHECK(call(SYS_getcwd, buffer, 0));
    CHECK(call(SYS_getcwd, nullptr, 4096));
    CHECK(call(SYS_fchdir, 3));
    CHECK(size_of("d/f"));
    CHECK(call(SYS_fchdir, 99));
    CHECK(open("d/f", O_RDONLY));
    CHECK(call(SYS_fchdir, 4));
    CHECK(close(4));
    CHECK(mkdir("gone", 0755));
    CHECK(chdir("gone"));
    CHECK(rmdir("../gone"));
    CHECK(call(SYS_getcwd, buffer, sizeof buffer));
    CHECK(open(".", O_RDONLY));
    CHECK(close(4));
    CHECK(open("x", O_CREAT | O_RDWR, 0644));
    CHECK(mkdir("x", 0755));
    CHECK(mode_of("x"));
    CHECK(size_of("../d/f"));
    CHECK(chdir(".."));
    CHECK(size_of("d/f"));
    CHECK(chdir("/"));
    CHECK(call(SYS_getcwd, buffer, sizeof buffer));
    CHECK(call(SYS_fchdir, 3));
    CHECK(close(3));
    CHECK(unlink("d/f"));
    CHECK(rmdir("d"));
}

}  // namespace

void path_checks() {
    shapes();
    links();
    limits();
    working_directory();
    show_directory(".");
}

}  // namespace file_ops
