// What files are like, and how that is changed.
#include <sys/statvfs.h>

#include "fixture.hpp"

namespace eremite::test {
namespace {

TEST_F(ShareTest, AttributesAreThoseOfTheHost) {
    write_host(shared / "f", "text");
    const auto out = get_attributes(node_of("f")).as<fuse_attr_out>();
    const struct stat status = stat_host(shared / "f");
    EXPECT_EQ(out.attr_valid, 1U);
    EXPECT_EQ(out.attr.ino, status.st_ino);
    EXPECT_EQ(out.attr.size, 4U);
    EXPECT_EQ(out.attr.blocks, static_cast<uint64_t>(status.st_blocks));
    EXPECT_EQ(out.attr.nlink, 1U);
    EXPECT_EQ(out.attr.uid, status.st_uid);
    EXPECT_EQ(out.attr.gid, status.st_gid);
    EXPECT_EQ(out.attr.blksize, static_cast<uint32_t>(status.st_blksize));
    EXPECT_EQ(out.attr.ctimensec, static_cast<uint32_t>(status.st_ctim.tv_nsec));
    EXPECT_EQ(get_attributes(FUSE_ROOT_ID).as<fuse_attr_out>().attr.ino, stat_host(shared).st_ino);
    EXPECT_EQ(get_attributes(0).error, EBADF);
    EXPECT_EQ(get_attributes(UINT64_MAX).error, EBADF);
}

TEST_F(ShareTest, ModeAndTimes) {
    write_host(shared / "f", "text");
    const uint64_t node = node_of("f");
    fuse_setattr_in in{};
    in.valid = FATTR_MODE, in.mode = S_IFDIR | 04711;
    EXPECT_EQ(set_attributes(node, in).as<fuse_attr_out>().attr.mode, uint32_t{S_IFREG | 04711});
    in = {};
    in.valid = FATTR_MTIME, in.mtime = 1000, in.mtimensec = 5;
    const struct stat before = stat_host(shared / "f");
    const auto out = set_attributes(node, in).as<fuse_attr_out>();
    EXPECT_EQ(out.attr.mtime, 1000U);
    EXPECT_EQ(out.attr.mtimensec, 5U);
    EXPECT_EQ(out.attr.atime, static_cast<uint64_t>(before.st_atim.tv_sec));
    in = {};
    // Numbers that utimensat(2) would take for "now" and "not at all".
    in.valid = FATTR_ATIME | FATTR_MTIME, in.atime = 7, in.atimensec = UTIME_NOW, in.mtime = 8, in.mtimensec = UTIME_OMIT;
    const auto odd = set_attributes(node, in).as<fuse_attr_out>();
    EXPECT_EQ(odd.attr.atime, 7U);
    EXPECT_EQ(odd.attr.mtime, 8U);
    in = {};
    in.valid = FATTR_ATIME | FATTR_ATIME_NOW | FATTR_MTIME | FATTR_MTIME_NOW;
    const auto now = set_attributes(node, in).as<fuse_attr_out>();
    EXPECT_GT(now.attr.atime, 1000U);
    EXPECT_GT(now.attr.mtime, 1000U);
    in = {};
    in.valid = FATTR_CTIME, in.ctime = 1;
    EXPECT_EQ(set_attributes(node, in).error, 0) << "nobody can set that";
    EXPECT_EQ(set_attributes(99, in).error, EBADF);
}

TEST_F(ShareTest, Size) {
    write_host(shared / "f", "0123456789");
    const uint64_t node = node_of("f");
    fuse_setattr_in in{};
    in.valid = FATTR_SIZE, in.size = 4;
    EXPECT_EQ(set_attributes(node, in).as<fuse_attr_out>().attr.size, 4U);
    EXPECT_EQ(read_host(shared / "f"), "0123");
    in.valid |= FATTR_FH, in.size = 6, in.fh = handle_of(node);
    EXPECT_EQ(set_attributes(node, in).as<fuse_attr_out>().attr.size, 6U);
    in.fh = handle_of(node, O_RDONLY);
    EXPECT_EQ(set_attributes(node, in).error, EINVAL);
    in.fh = 99;
    EXPECT_EQ(set_attributes(node, in).error, EBADF);
    in.valid = FATTR_SIZE, in.size = uint64_t{INT64_MAX} + 1;
    EXPECT_EQ(set_attributes(node, in).error, EFBIG);
    in.size = 0;
    EXPECT_EQ(set_attributes(FUSE_ROOT_ID, in).error, EISDIR);
    ASSERT_EQ(::mkfifo((shared / "p").c_str(), 0600), 0);
    EXPECT_EQ(set_attributes(node_of("p"), in).error, EINVAL);
    EXPECT_EQ(set_attributes(make_link("l", (outside / "secret").string()).as<fuse_entry_out>().nodeid, in).error, EINVAL);
}

TEST_F(ShareTest, OwnerTakesSetIdsAwayUnlessTheModeIsGiven) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    write_host(shared / "f", "");
    const uint64_t node = node_of("f");
    fuse_setattr_in in{};
    in.valid = FATTR_MODE | FATTR_UID | FATTR_GID, in.mode = 04755, in.uid = 1234, in.gid = 2345;
    const auto both = set_attributes(node, in).as<fuse_attr_out>().attr;
    EXPECT_EQ(both.mode, uint32_t{S_IFREG | 04755});
    EXPECT_EQ(both.uid, 1234U);
    EXPECT_EQ(both.gid, 2345U);
    in.valid = FATTR_GID, in.gid = 3456;
    const auto group_only = set_attributes(node, in).as<fuse_attr_out>().attr;
    EXPECT_EQ(group_only.mode, uint32_t{S_IFREG | 0755});
    EXPECT_EQ(group_only.uid, 1234U);
    EXPECT_EQ(group_only.gid, 3456U);
}

TEST_F(ShareTest, Access) {
    write_host(shared / "f", "");
    ::chmod((shared / "f").c_str(), 0640);
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown((shared / "f").c_str(), 1234, 2345), 0);
    }
    const struct stat status = stat_host(shared / "f");
    const uint64_t node = node_of("f");
    const auto may = [&](uint32_t mask) { return ask(FUSE_ACCESS, node, Body{}.add(fuse_access_in{mask, 0})).error; };
    user = 0, group = 0;
    EXPECT_EQ(may(R_OK | W_OK), 0);
    EXPECT_EQ(may(X_OK), EACCES);
    user = 77'777, group = 77'777;
    EXPECT_EQ(may(F_OK), 0);
    EXPECT_EQ(may(R_OK), EACCES);
    group = status.st_gid;
    EXPECT_EQ(may(R_OK), 0);
    EXPECT_EQ(may(W_OK), EACCES);
    user = status.st_uid;
    EXPECT_EQ(may(R_OK | W_OK), 0);
    EXPECT_EQ(may(X_OK), EACCES);
    EXPECT_EQ(may(8), EINVAL);
}

TEST_F(ShareTest, StatusOfTheFileSystem) {
    struct statvfs status {};
    ASSERT_EQ(::statvfs(shared.c_str(), &status), 0);
    const auto out = ask(FUSE_STATFS, FUSE_ROOT_ID).as<fuse_statfs_out>();
    EXPECT_EQ(out.st.blocks, status.f_blocks);
    EXPECT_EQ(out.st.bsize, status.f_bsize);
    EXPECT_EQ(out.st.frsize, status.f_frsize);
    EXPECT_EQ(out.st.namelen, status.f_namemax);
    EXPECT_GT(out.st.bfree, 0U);
    EXPECT_EQ(ask(FUSE_STATFS, 99).error, EBADF);
}

}  // namespace
}  // namespace eremite::test
