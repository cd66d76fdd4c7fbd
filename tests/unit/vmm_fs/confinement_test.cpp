// Nothing outside of the folder is reached, whatever leads there.
#include <sys/xattr.h>

#include "fixture.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

const std::string_view bad_names[] = {"", ".", "..", "/", "a/b", "../outside", "/etc", "d/..", "../shared"};

TEST_F(ShareTest, NamesThatAreNone) {
    write_host(shared / "f", "text");
    make_folder("d");
    const uint64_t node = node_of("f");
    for (const std::string_view name : bad_names) {
        EXPECT_EQ(look_up(name).error, EINVAL) << name;
        EXPECT_EQ(create(name).error, EINVAL) << name;
        EXPECT_EQ(make_folder(name).error, EINVAL) << name;
        EXPECT_EQ(make_link(name, "x").error, EINVAL) << name;
        EXPECT_EQ(ask(FUSE_MKNOD, FUSE_ROOT_ID, Body{}.add(fuse_mknod_in{S_IFREG | 0600, 0, 0, 0}).text(name)).error, EINVAL) << name;
        EXPECT_EQ(ask(FUSE_LINK, FUSE_ROOT_ID, Body{}.add(fuse_link_in{node}).text(name)).error, EINVAL) << name;
        EXPECT_EQ(ask(FUSE_UNLINK, FUSE_ROOT_ID, Body{}.text(name)).error, EINVAL) << name;
        EXPECT_EQ(ask(FUSE_RMDIR, FUSE_ROOT_ID, Body{}.text(name)).error, EINVAL) << name;
        EXPECT_EQ(ask(FUSE_RENAME, FUSE_ROOT_ID, Body{}.add(fuse_rename_in{FUSE_ROOT_ID}).text("f").text(name)).error, EINVAL) << name;
        EXPECT_EQ(ask(FUSE_RENAME, FUSE_ROOT_ID, Body{}.add(fuse_rename_in{FUSE_ROOT_ID}).text(name).text("g")).error, EINVAL) << name;
        EXPECT_EQ(ask(FUSE_RENAME2, FUSE_ROOT_ID, Body{}.add(fuse_rename2_in{FUSE_ROOT_ID, 0, 0}).text("f").text(name)).error, EINVAL) << name;
    }
    // The one behind a zero is the next name, or nothing.
    EXPECT_EQ(look_up(std::string_view{"\0f", 2}).error, EINVAL);
    EXPECT_EQ(look_up(std::string_view{"f\0/../x", 7}).error, 0);
    EXPECT_EQ(read_host(shared / "f"), "text");
}

class LinkTest : public ShareTest {
protected:
    void SetUp() override {
        ShareTest::SetUp();
        std::filesystem::create_symlink("../outside", shared / "up");
        std::filesystem::create_symlink(outside, shared / "absolute");
        std::filesystem::create_symlink(outside / "secret", shared / "file");
        std::filesystem::create_symlink("../outside/new", shared / "dangling");
    }
};

TEST_F(LinkTest, LinksAreSeenAsLinks) {
    for (const char* name : {"up", "absolute", "file", "dangling"})
        EXPECT_EQ(look_up(name).as<fuse_entry_out>().attr.mode & S_IFMT, uint32_t{S_IFLNK});
    for (const char* name : {"up", "absolute"}) {
        const uint64_t link = node_of(name);
        EXPECT_EQ(look_up("secret", link).error, ENOTDIR);
        EXPECT_EQ(create("new", O_RDWR, 0644, 0, link).error, ENOTDIR);
        EXPECT_EQ(make_folder("new", link).error, ENOTDIR);
        EXPECT_EQ(make_link("new", "x", link).error, ENOTDIR);
        EXPECT_EQ(ask(FUSE_UNLINK, link, Body{}.text("secret")).error, ENOTDIR);
        EXPECT_EQ(ask(FUSE_RENAME, FUSE_ROOT_ID, Body{}.add(fuse_rename_in{link}).text("file").text("new")).error, ENOTDIR);
        EXPECT_EQ(ask(FUSE_RENAME, link, Body{}.add(fuse_rename_in{FUSE_ROOT_ID}).text("secret").text("new")).error, ENOTDIR);
        EXPECT_EQ(ask(FUSE_TMPFILE, link, Body{}.add(fuse_create_in{O_RDWR, 0600, 0, 0}).text("/")).error, ENOTDIR);
        EXPECT_EQ(ask(FUSE_OPENDIR, link, Body{}.add(fuse_open_in{O_RDONLY, 0})).error, ENOTDIR);
    }
    const auto names = std::filesystem::directory_iterator{outside};
    EXPECT_EQ(std::distance(begin(names), end(names)), 1);
}

TEST_F(LinkTest, LinksAreNotOpened) {
    for (const uint32_t flags : {O_RDONLY, O_RDWR, O_WRONLY | O_TRUNC}) {
        EXPECT_EQ(open(node_of("file"), flags).error, ELOOP);
        EXPECT_EQ(open(node_of("dangling"), flags | O_CREAT).error, ELOOP);
        EXPECT_EQ(create("file", flags).error, ELOOP);
        EXPECT_EQ(create("dangling", flags).error, ELOOP);
        EXPECT_EQ(create("dangling", flags | O_EXCL).error, EEXIST);
    }
    EXPECT_FALSE(std::filesystem::exists(outside / "new"));
}

TEST_F(LinkTest, WhatIsDoneToALinkIsNotDoneToItsTarget) {
    const struct stat before = stat_host(outside / "secret");
    const uint64_t link = node_of("file");
    fuse_setattr_in in{};
    in.valid = FATTR_MODE, in.mode = 0777;
    set_attributes(link, in);
    in.valid = FATTR_SIZE, in.size = 0;
    EXPECT_EQ(set_attributes(link, in).error, EINVAL);
    in.valid = FATTR_MTIME | FATTR_ATIME, in.mtime = in.atime = 1;
    EXPECT_EQ(set_attributes(link, in).error, 0);
    EXPECT_EQ(stat_host(shared / "file").st_mtim.tv_sec, 1);
    if (::geteuid() == 0) {
        in.valid = FATTR_UID | FATTR_GID, in.uid = in.gid = 1234;
        EXPECT_EQ(set_attributes(link, in).error, 0);
        EXPECT_EQ(stat_host(shared / "file").st_uid, 1234U);
    }
    EXPECT_EQ(ask(FUSE_LINK, FUSE_ROOT_ID, Body{}.add(fuse_link_in{link}).text("another")).error, 0);
    EXPECT_TRUE(std::filesystem::is_symlink(shared / "another"));
    const struct stat after = stat_host(outside / "secret");
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(after.st_uid, before.st_uid);
    EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
    EXPECT_EQ(after.st_nlink, 1U);
}

TEST_F(LinkTest, FolderThatBecomesALink) {
    const uint64_t folder = make_folder("d").as<fuse_entry_out>().nodeid;
    std::filesystem::rename(shared / "d", shared / "moved");
    std::filesystem::create_symlink(outside, shared / "d");
    EXPECT_EQ(look_up("secret", folder).error, ENOENT);
    EXPECT_EQ(create("new", O_RDWR, 0644, 0, folder).error, 0);
    EXPECT_TRUE(std::filesystem::exists(shared / "moved" / "new"));
    EXPECT_FALSE(std::filesystem::exists(outside / "new"));
}

// Links of /proc lead to files whatever their text says.
TEST_F(ShareTest, LinksOfProc) {
    const int secret = ::open((outside / "secret").c_str(), O_RDWR);
    ASSERT_GE(secret, 0);
    shared = "/proc/self/fd";
    serve();
    const auto entry = look_up(std::to_string(secret)).as<fuse_entry_out>();
    EXPECT_EQ(entry.attr.mode & S_IFMT, uint32_t{S_IFLNK});
    for (const uint32_t flags : {O_RDONLY, O_RDWR}) {
        EXPECT_EQ(open(entry.nodeid, flags).error, ELOOP);
        EXPECT_NE(create(std::to_string(secret), flags).error, 0);
    }
    fuse_setattr_in in{};
    in.valid = FATTR_SIZE;
    EXPECT_NE(set_attributes(entry.nodeid, in).error, 0);
    in.valid = FATTR_MODE, in.mode = 0777;
    set_attributes(entry.nodeid, in);
    EXPECT_NE(stat_host(outside / "secret").st_mode & 07777, 0777U);
    EXPECT_EQ(look_up("x", entry.nodeid).error, ENOTDIR);
    ::close(secret);
}

TEST_F(ShareTest, WhatActsWhenItIsOpenedIsNotOpened) {
    ASSERT_EQ(::mkfifo((shared / "p").c_str(), 0666), 0);
    const auto made = ask(FUSE_MKNOD, FUSE_ROOT_ID, Body{}.add(fuse_mknod_in{S_IFSOCK | 0666, 0, 0, 0}).text("s"));
    ASSERT_EQ(made.error, 0);
    // 1:3 is /dev/null.
    const bool device = ::mknod((shared / "c").c_str(), S_IFCHR | 0666, 0x103) == 0;
    for (const uint32_t flags : {O_RDONLY, O_WRONLY, O_RDWR | O_TRUNC}) {
        EXPECT_EQ(open(node_of("p"), flags).error, ENXIO);
        EXPECT_EQ(open(node_of("s"), flags).error, ENXIO);
        if (device) {
            EXPECT_EQ(open(node_of("c"), flags).error, ENXIO);
        }
    }
    EXPECT_EQ(opened(), 0U);
}

TEST_F(ShareTest, FoldersThatCannotBeShared) {
    write_host(base / "file", "");
    const auto why = [](const std::filesystem::path& path) -> std::string {
        try {
            vmm::fs::Server server{path, false};
        } catch (const vmm::Error& error) {
            return error.what();
        }
        return "shared";
    };
    EXPECT_NE(why(base / "absent").find("No such file"), std::string::npos);
    EXPECT_NE(why(base / "absent").find((base / "absent").string()), std::string::npos);
    EXPECT_NE(why(base / "file").find("Not a directory"), std::string::npos);
    EXPECT_EQ(why(shared), "shared");
}

}  // namespace
}  // namespace eremite::test
