// A folder that is shared for reading only.
#include <map>

#include "fixture.hpp"

namespace eremite::test {
namespace {

class ReadOnlyTest : public ShareTest {
protected:
    void SetUp() override {
        ShareTest::SetUp();
        write_host(shared / "f", "text");
        std::filesystem::create_directory(shared / "d");
        serve(true);
        node = node_of("f");
    }
    uint64_t node = 0;
};

TEST_F(ReadOnlyTest, NothingIsChanged) {
    const uint64_t handle = handle_of(node, O_RDONLY);
    const struct stat before = stat_host(shared / "f"), folder_before = stat_host(shared);
    EXPECT_EQ(create("g").error, EROFS);
    EXPECT_EQ(create("f", O_RDWR).error, EROFS);
    EXPECT_EQ(ask(FUSE_TMPFILE, FUSE_ROOT_ID, Body{}.add(fuse_create_in{O_RDWR, 0600, 0, 0}).text("/")).error, EROFS);
    EXPECT_EQ(make_folder("e").error, EROFS);
    EXPECT_EQ(make_link("l", "x").error, EROFS);
    EXPECT_EQ(ask(FUSE_MKNOD, FUSE_ROOT_ID, Body{}.add(fuse_mknod_in{S_IFREG | 0600, 0, 0, 0}).text("g")).error, EROFS);
    EXPECT_EQ(ask(FUSE_LINK, FUSE_ROOT_ID, Body{}.add(fuse_link_in{node}).text("g")).error, EROFS);
    EXPECT_EQ(ask(FUSE_UNLINK, FUSE_ROOT_ID, Body{}.text("f")).error, EROFS);
    EXPECT_EQ(ask(FUSE_RMDIR, FUSE_ROOT_ID, Body{}.text("d")).error, EROFS);
    EXPECT_EQ(ask(FUSE_RENAME, FUSE_ROOT_ID, Body{}.add(fuse_rename_in{FUSE_ROOT_ID}).text("f").text("g")).error, EROFS);
    EXPECT_EQ(ask(FUSE_RENAME2, FUSE_ROOT_ID, Body{}.add(fuse_rename2_in{FUSE_ROOT_ID, 0, 0}).text("f").text("g")).error, EROFS);
    for (const uint32_t valid : {FATTR_MODE, FATTR_UID, FATTR_GID, FATTR_SIZE, FATTR_MTIME, FATTR_ATIME_NOW}) {
        fuse_setattr_in in{};
        in.valid = valid;
        EXPECT_EQ(set_attributes(node, in).error, EROFS);
    }
    for (const uint32_t flags : {O_WRONLY, O_RDWR, O_ACCMODE, O_RDONLY | O_TRUNC}) EXPECT_EQ(open(node, flags).error, EROFS);
    EXPECT_EQ(write(handle, 0, "x").error, EROFS);
    EXPECT_EQ(ask(FUSE_FALLOCATE, node, Body{}.add(fuse_fallocate_in{handle, 0, 100, 0, 0})).error, EROFS);
    fuse_copy_file_range_in copy{};
    copy.fh_in = copy.fh_out = handle, copy.off_out = copy.len = 2;
    EXPECT_EQ(ask(FUSE_COPY_FILE_RANGE, node, Body{}.add(copy)).error, EROFS);
    EXPECT_EQ(ask(FUSE_SETXATTR, node, Body{}.add(fuse_forget_in{1}).text("user.x").raw("v")).error, EROFS);
    EXPECT_EQ(ask(FUSE_REMOVEXATTR, node, Body{}.text("user.x")).error, EROFS);
    EXPECT_EQ(ask(FUSE_ACCESS, node, Body{}.add(fuse_access_in{W_OK, 0})).error, EROFS);
    const struct stat after = stat_host(shared / "f"), folder_after = stat_host(shared);
    EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
    EXPECT_EQ(after.st_ctim.tv_sec, before.st_ctim.tv_sec);
    EXPECT_EQ(folder_after.st_ctim.tv_nsec, folder_before.st_ctim.tv_nsec);
    EXPECT_EQ(read_host(shared / "f"), "text");
}

TEST_F(ReadOnlyTest, EverythingIsRead) {
    const uint64_t handle = handle_of(node, O_RDONLY);
    EXPECT_EQ(read(handle, 0, 10).text(), "text");
    EXPECT_EQ(get_attributes(node).as<fuse_attr_out>().attr.size, 4U);
    EXPECT_EQ(ask(FUSE_ACCESS, node, Body{}.add(fuse_access_in{R_OK, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_STATFS, FUSE_ROOT_ID).error, 0);
    const uint64_t folder = folder_handle_of(FUSE_ROOT_ID);
    EXPECT_FALSE(ask(FUSE_READDIR, FUSE_ROOT_ID, Body{}.add(reading(folder, 0, 4096))).bytes.empty());
    EXPECT_EQ(ask(FUSE_FLUSH, node, Body{}.add(fuse_flush_in{handle, 0, 0, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_FSYNC, node, Body{}.add(fuse_fsync_in{handle, 0, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_RELEASE, node, Body{}.add(fuse_release_in{handle, 0, 0, 0})).error, 0);
}

}  // namespace
}  // namespace eremite::test
