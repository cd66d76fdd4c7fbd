// Whom files belong to that the guest makes.
#include "fixture.hpp"

namespace eremite::test {
namespace {

class UsersTest : public ShareTest {
protected:
    void SetUp() override {
        ShareTest::SetUp();
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        // The way to what is shared leads through folders of root's.
        std::filesystem::permissions(base, std::filesystem::perms::owner_all);
        std::filesystem::permissions(shared, std::filesystem::perms::all);
        user = 1234, group = 2345;
    }
    void expect_ours(const char* name) {
        const struct stat status = stat_host(shared / name);
        EXPECT_EQ(status.st_uid, user) << name;
        EXPECT_EQ(status.st_gid, group) << name;
    }
};

TEST_F(UsersTest, NewFilesAreTheirs) {
    EXPECT_EQ(create("f").as<fuse_entry_out>().attr.uid, 1234U);
    EXPECT_EQ(make_folder("d").error, 0);
    EXPECT_EQ(make_link("l", "x").error, 0);
    EXPECT_EQ(ask(FUSE_MKNOD, FUSE_ROOT_ID, Body{}.add(fuse_mknod_in{S_IFIFO | 0600, 0, 0, 0}).text("p")).error, 0);
    for (const char* name : {"f", "d", "l", "p"}) expect_ours(name);
    // And then we are who we were.
    user = group = 0;
    EXPECT_EQ(make_folder("e").error, 0);
    expect_ours("e");
    user = 0, group = 2345;
    EXPECT_EQ(create("g").error, 0);
    expect_ours("g");
    ASSERT_EQ(::mkdir((shared / "ours").c_str(), 0700), 0);
    EXPECT_EQ(stat_host(shared / "ours").st_uid, 0U);
    EXPECT_EQ(stat_host(shared / "ours").st_gid, 0U);
}

TEST_F(UsersTest, TheyMayWhatTheyMay) {
    ASSERT_EQ(::mkdir((shared / "private").c_str(), 0750), 0);
    const uint64_t folder = node_of("private");
    EXPECT_EQ(create("f", O_RDWR, 0644, 0, folder).error, EACCES);
    EXPECT_EQ(make_folder("d", folder).error, EACCES);
    EXPECT_EQ(make_link("l", "x", folder).error, EACCES);
    // Root's group does not count either.
    ASSERT_EQ(::chmod((shared / "private").c_str(), 0770), 0);
    EXPECT_EQ(make_folder("d", folder).error, EACCES);
    user = group = 0;
    EXPECT_EQ(make_folder("d", folder).error, 0);
    EXPECT_EQ(ask(FUSE_MKNOD, FUSE_ROOT_ID, Body{}.add(fuse_mknod_in{S_IFREG | 0600, 0, 0, 0}).text("n")).error, 0);
    user = 1234;
    EXPECT_EQ(ask(FUSE_MKNOD, FUSE_ROOT_ID, Body{}.add(fuse_mknod_in{S_IFBLK | 0600, 0x800, 0, 0}).text("b")).error, EPERM);
}

TEST_F(UsersTest, NobodysNumberIsNobody) {
    user = UINT32_MAX;
    EXPECT_EQ(create("f").error, EPERM);
    user = 1234, group = UINT32_MAX;
    EXPECT_EQ(make_folder("d").error, EPERM);
    EXPECT_TRUE(std::filesystem::is_empty(shared));
    user = group = 0;
    EXPECT_EQ(make_folder("d").error, 0);
    expect_ours("d");
}

}  // namespace
}  // namespace eremite::test
