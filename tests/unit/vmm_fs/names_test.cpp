// Names: looked up, made, removed, moved; and the session that they are known in.
#include <sys/sysmacros.h>

#include <cstdio>

#include "fixture.hpp"

namespace eremite::test {
namespace {

TEST_F(ShareTest, SessionBeginsWithBothSidesTerms) {
    serve(false, false);
    EXPECT_EQ(look_up("f").error, EIO) << "before FUSE_INIT";
    const auto out = init(7, 31).as<fuse_init_out>();
    EXPECT_EQ(out.major, 7U);
    EXPECT_EQ(out.minor, 31U);
    EXPECT_EQ(out.max_write, 1U << 20);
    EXPECT_EQ(out.max_pages, 256);
    EXPECT_EQ(out.time_gran, 1U);
    EXPECT_NE(out.flags & FUSE_MAX_PAGES, 0U);
    EXPECT_NE(out.flags & FUSE_DO_READDIRPLUS, 0U);
    EXPECT_EQ(out.flags & (FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS), 0U) << "locks stay the guest's";
    EXPECT_EQ(out.flags & (FUSE_WRITEBACK_CACHE | FUSE_EXPORT_SUPPORT | FUSE_SETXATTR_EXT), 0U);
}

TEST_F(ShareTest, FeaturesAreThoseOfBoth) {
    fuse_init_in in{};
    in.major = 7, in.minor = 31, in.flags = FUSE_BIG_WRITES, in.max_readahead = 4096;
    const auto out = ask(FUSE_INIT, 0, Body{}.add(in)).as<fuse_init_out>();
    EXPECT_EQ(out.flags, uint32_t{FUSE_BIG_WRITES});
    EXPECT_EQ(out.max_readahead, 4096U);
}

TEST_F(ShareTest, OtherVersions) {
    serve(false, false);
    EXPECT_EQ(init(6, 40).error, EPROTO);
    EXPECT_EQ(init(7, 30).error, EPROTO);
    EXPECT_EQ(look_up("f").error, EIO);
    const auto newer = init(8, 0).as<fuse_init_out>();
    EXPECT_EQ(newer.major, 7U);
    EXPECT_EQ(look_up("f").error, EIO) << "it asks again";
    // As Linux 5.4 sends it.
    const uint32_t fields[] = {7, 31, 4096, 0};
    EXPECT_EQ(ask(FUSE_INIT, 0, Body{}.raw({reinterpret_cast<const char*>(fields), sizeof fields})).error, 0);
    EXPECT_EQ(look_up("f").error, ENOENT);
}

TEST_F(ShareTest, SecondInitAndDestroyGiveEverythingUp) {
    write_host(shared / "f", "text");
    const uint64_t node = node_of("f");
    handle_of(node);
    init();
    EXPECT_EQ(known(), 1U);
    EXPECT_EQ(opened(), 0U);
    EXPECT_EQ(get_attributes(node).error, EBADF);
    handle_of(node_of("f"));
    EXPECT_EQ(ask(FUSE_DESTROY, 0).error, 0);
    EXPECT_EQ(known(), 1U);
    EXPECT_EQ(opened(), 0U);
    EXPECT_EQ(get_attributes(FUSE_ROOT_ID).error, EIO);
}

TEST_F(ShareTest, LookUp) {
    write_host(shared / "f", "text");
    ::chmod((shared / "f").c_str(), 0640);
    const auto entry = look_up("f").as<fuse_entry_out>();
    const struct stat status = stat_host(shared / "f");
    EXPECT_GT(entry.nodeid, uint64_t{FUSE_ROOT_ID});
    EXPECT_EQ(entry.attr.ino, status.st_ino);
    EXPECT_EQ(entry.attr.size, 4U);
    EXPECT_EQ(entry.attr.mode, uint32_t{S_IFREG | 0640});
    EXPECT_EQ(entry.attr.mtime, static_cast<uint64_t>(status.st_mtim.tv_sec));
    EXPECT_EQ(entry.attr.mtimensec, static_cast<uint32_t>(status.st_mtim.tv_nsec));
    EXPECT_EQ(entry.entry_valid, 1U);
    EXPECT_EQ(entry.attr_valid, 1U);
    EXPECT_EQ(look_up("g").error, ENOENT);
    EXPECT_EQ(look_up("x", entry.nodeid).error, ENOTDIR);
    EXPECT_EQ(look_up(std::string(300, 'a')).error, ENAMETOOLONG);
}

TEST_F(ShareTest, SameFileHasOneNumberUntilItIsForgotten) {
    write_host(shared / "f", "text");
    std::filesystem::create_hard_link(shared / "f", shared / "g");
    const uint64_t node = node_of("f");
    EXPECT_EQ(node_of("g"), node);
    EXPECT_EQ(node_of("f"), node);
    EXPECT_EQ(known(), 2U);
    forget(node, 2);
    EXPECT_EQ(get_attributes(node).error, 0);
    forget(node);
    EXPECT_EQ(known(), 1U);
    EXPECT_EQ(get_attributes(node).error, EBADF);
    EXPECT_NE(node_of("f"), node) << "a number is not used again";
}

TEST_F(ShareTest, FileThatWasRemovedAndMadeAnewIsAnother) {
    write_host(shared / "f", "old");
    const uint64_t node = node_of("f");
    std::filesystem::remove(shared / "f");
    write_host(shared / "f", "newer");
    EXPECT_NE(node_of("f"), node);
    EXPECT_EQ(get_attributes(node).as<fuse_attr_out>().attr.size, 3U);
    EXPECT_EQ(get_attributes(node).as<fuse_attr_out>().attr.nlink, 0U);
}

TEST_F(ShareTest, ManyAreForgottenAtOnce) {
    Body body;
    body.add(fuse_batch_forget_in{3, 0});
    for (const char* name : {"a", "b"}) {
        write_host(shared / name, "");
        body.add(fuse_forget_one{node_of(name), 1});
    }
    body.add(fuse_forget_one{12345, 1});
    EXPECT_EQ(known(), 3U);
    EXPECT_EQ(ask(FUSE_BATCH_FORGET, 0, body).size, 0U);
    EXPECT_EQ(known(), 1U);
    // The root stays, and so does what is forgotten more often than it was told.
    forget(FUSE_ROOT_ID, UINT64_MAX);
    EXPECT_EQ(get_attributes(FUSE_ROOT_ID).error, 0);
    const uint64_t node = node_of("a");
    forget(node, UINT64_MAX);
    EXPECT_EQ(known(), 1U);
}

TEST_F(ShareTest, Folders) {
    const auto entry = make_folder("d").as<fuse_entry_out>();
    EXPECT_EQ(entry.attr.mode, uint32_t{S_IFDIR | 0755});
    EXPECT_TRUE(std::filesystem::is_directory(shared / "d"));
    EXPECT_EQ(make_folder("d").error, EEXIST);
    const uint64_t inner = make_folder("e", entry.nodeid).as<fuse_entry_out>().nodeid;
    EXPECT_EQ(node_of("e", entry.nodeid), inner);
    EXPECT_EQ(ask(FUSE_RMDIR, FUSE_ROOT_ID, Body{}.text("d")).error, ENOTEMPTY);
    EXPECT_EQ(ask(FUSE_UNLINK, entry.nodeid, Body{}.text("e")).error, EISDIR);
    EXPECT_EQ(ask(FUSE_RMDIR, entry.nodeid, Body{}.text("e")).error, 0);
    EXPECT_EQ(ask(FUSE_RMDIR, FUSE_ROOT_ID, Body{}.text("d")).error, 0);
    EXPECT_EQ(ask(FUSE_RMDIR, FUSE_ROOT_ID, Body{}.text("d")).error, ENOENT);
    EXPECT_EQ(make_folder("x", entry.nodeid).error, ENOENT) << "nothing is made in a folder that is gone";
    EXPECT_FALSE(std::filesystem::exists(shared / "d"));
}

TEST_F(ShareTest, FilesOfAllTypesAreMade) {
    const auto make = [this](const char* name, uint32_t mode, uint32_t device = 0) {
        return ask(FUSE_MKNOD, FUSE_ROOT_ID, Body{}.add(fuse_mknod_in{mode, device, 0022, 0}).text(name));
    };
    EXPECT_EQ(make("f", S_IFREG | 0666).as<fuse_entry_out>().attr.mode, uint32_t{S_IFREG | 0644}) << "the guest's umask, not ours";
    EXPECT_EQ(make("p", S_IFIFO | 0600).as<fuse_entry_out>().attr.mode, uint32_t{S_IFIFO | 0600});
    EXPECT_EQ(make("s", S_IFSOCK | 0600).as<fuse_entry_out>().attr.mode, uint32_t{S_IFSOCK | 0600});
    EXPECT_EQ(make("f", S_IFREG | 0666).error, EEXIST);
    EXPECT_EQ(make("x", S_IFDIR | 0700).error, EPERM);
    EXPECT_EQ(make("x", S_IFMT | 0700).error, EINVAL);
    if (const auto made = make("c", S_IFCHR | 0600, 0x12300145); made.error != EPERM) {
        EXPECT_EQ(made.as<fuse_entry_out>().attr.rdev, 0x12300145U);
        EXPECT_EQ(stat_host(shared / "c").st_rdev, makedev(1, 0x12345));
    }
}

TEST_F(ShareTest, SymbolicLinks) {
    const auto entry = make_link("l", "some/where").as<fuse_entry_out>();
    EXPECT_EQ(entry.attr.mode & S_IFMT, uint32_t{S_IFLNK});
    EXPECT_EQ(entry.attr.size, 10U);
    EXPECT_EQ(std::filesystem::read_symlink(shared / "l"), "some/where");
    EXPECT_EQ(ask(FUSE_READLINK, entry.nodeid).text(), "some/where");
    EXPECT_EQ(ask(FUSE_READLINK, entry.nodeid, {}, sizeof(fuse_out_header) + 9).error, E2BIG);
    EXPECT_EQ(ask(FUSE_READLINK, entry.nodeid, {}, sizeof(fuse_out_header) + 10).text(), "some/where");
    EXPECT_EQ(ask(FUSE_READLINK, FUSE_ROOT_ID).error, EINVAL);
    EXPECT_EQ(make_link("l", "x").error, EEXIST);
    EXPECT_EQ(make_link("m", "").error, ENOENT);
    EXPECT_EQ(make_link("m", std::string(5000, 'x')).error, ENAMETOOLONG);
}

TEST_F(ShareTest, HardLinks) {
    write_host(shared / "f", "text");
    const uint64_t node = node_of("f");
    const auto link = [this](uint64_t of, const char* name) { return ask(FUSE_LINK, FUSE_ROOT_ID, Body{}.add(fuse_link_in{of}).text(name)); };
    const auto entry = link(node, "g").as<fuse_entry_out>();
    EXPECT_EQ(entry.nodeid, node);
    EXPECT_EQ(entry.attr.nlink, 2U);
    EXPECT_EQ(read_host(shared / "g"), "text");
    EXPECT_EQ(link(node, "g").error, EEXIST);
    EXPECT_EQ(link(make_folder("d").as<fuse_entry_out>().nodeid, "h").error, EPERM);
    EXPECT_EQ(link(99, "h").error, EBADF);
    forget(node, 2);
    EXPECT_EQ(get_attributes(node).error, EBADF) << "the link was told once";
}

TEST_F(ShareTest, Unlink) {
    write_host(shared / "f", "text");
    const uint64_t node = node_of("f"), handle = handle_of(node);
    EXPECT_EQ(ask(FUSE_UNLINK, FUSE_ROOT_ID, Body{}.text("f")).error, 0);
    EXPECT_FALSE(std::filesystem::exists(shared / "f"));
    EXPECT_EQ(read(handle, 0, 10).text(), "text");
    EXPECT_EQ(ask(FUSE_UNLINK, FUSE_ROOT_ID, Body{}.text("f")).error, ENOENT);
    EXPECT_EQ(ask(FUSE_RMDIR, FUSE_ROOT_ID, Body{}.text("f")).error, ENOENT);
    // A handle outlives the node's number.
    forget(node);
    EXPECT_EQ(read(handle, 0, 10).text(), "text");
}

TEST_F(ShareTest, Rename) {
    write_host(shared / "f", "one");
    write_host(shared / "g", "two");
    const uint64_t folder = make_folder("d").as<fuse_entry_out>().nodeid;
    const auto rename = [this](uint64_t from, const char* name, uint64_t to, const char* new_name) {
        return ask(FUSE_RENAME, from, Body{}.add(fuse_rename_in{to}).text(name).text(new_name)).error;
    };
    const auto rename2 = [this](const char* name, const char* new_name, uint32_t flags) {
        return ask(FUSE_RENAME2, FUSE_ROOT_ID, Body{}.add(fuse_rename2_in{FUSE_ROOT_ID, flags, 0}).text(name).text(new_name)).error;
    };
    const uint64_t node = node_of("f");
    EXPECT_EQ(rename(FUSE_ROOT_ID, "f", folder, "h"), 0);
    EXPECT_EQ(read_host(shared / "d" / "h"), "one");
    EXPECT_EQ(node_of("h", folder), node);
    EXPECT_EQ(rename(folder, "h", FUSE_ROOT_ID, "f"), 0);
    EXPECT_EQ(rename(FUSE_ROOT_ID, "f", 77, "h"), EBADF);
    EXPECT_EQ(rename(FUSE_ROOT_ID, "absent", folder, "h"), ENOENT);
    EXPECT_EQ(rename(FUSE_ROOT_ID, "d", folder, "inside"), EINVAL);
    EXPECT_EQ(rename2("f", "g", RENAME_NOREPLACE), EEXIST);
    EXPECT_EQ(rename2("f", "g", RENAME_EXCHANGE), 0);
    EXPECT_EQ(read_host(shared / "f"), "two");
    EXPECT_EQ(rename2("f", "g", 0x80), EINVAL);
    EXPECT_EQ(rename2("f", "g", 0), 0);
    EXPECT_EQ(read_host(shared / "g"), "two");
}

TEST_F(ShareTest, RequestsInPiecesOfAnySize) {
    for (const size_t size : {1, 3, 16, 41}) {
        piece = size;
        const std::string name = "f" + std::to_string(size);
        const auto created = create(name);
        const uint64_t handle = created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
        EXPECT_EQ(write(handle, 0, "some text").as<fuse_write_out>().size, 9U);
        EXPECT_EQ(read(handle, 0, 100, 1000).text(), "some text");
        EXPECT_EQ(read_host(shared / name), "some text");
    }
}

}  // namespace
}  // namespace eremite::test
