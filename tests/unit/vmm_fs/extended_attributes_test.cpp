#include <sys/xattr.h>

#include "fixture.hpp"

namespace eremite::test {
namespace {

class ExtendedTest : public ShareTest {
protected:
    void SetUp() override {
        ShareTest::SetUp();
        write_host(shared / "f", "");
        node = node_of("f");
        if (::setxattr((shared / "f").c_str(), "user.one", "value", 5, 0) != 0) GTEST_SKIP() << "the file system has no extended attributes";
    }
    Answer set(std::string_view name, std::string_view value, uint32_t flags = 0) {
        const fuse_forget_in in{value.size() | uint64_t{flags} << 32};  // two numbers of 32 bits
        return ask(FUSE_SETXATTR, node, Body{}.add(in).text(name).raw(value));
    }
    Answer get(std::string_view name, uint32_t size = 100) { return ask(FUSE_GETXATTR, node, Body{}.add(fuse_getxattr_in{size, 0}).text(name)); }
    Answer list(uint32_t size = 1000) { return ask(FUSE_LISTXATTR, node, Body{}.add(fuse_getxattr_in{size, 0})); }
    Answer remove(std::string_view name) { return ask(FUSE_REMOVEXATTR, node, Body{}.text(name)); }

    uint64_t node = 0;
};

TEST_F(ExtendedTest, SetGetListRemove) {
    EXPECT_EQ(get("user.one").text(), "value");
    EXPECT_EQ(get("user.one", 0).as<fuse_getxattr_out>().size, 5U);
    EXPECT_EQ(get("user.one", 4).error, ERANGE);
    EXPECT_EQ(get("user.one", 5).text(), "value");
    EXPECT_EQ(get("user.two").error, ENODATA);
    EXPECT_EQ(set("user.two", std::string("a\0b", 3)).error, 0);
    EXPECT_EQ(get("user.two").text(), std::string("a\0b", 3));
    EXPECT_EQ(set("user.two", "x", XATTR_CREATE).error, EEXIST);
    EXPECT_EQ(set("user.three", "x", XATTR_REPLACE).error, ENODATA);
    EXPECT_EQ(set("user.three", "x", 0x80).error, EINVAL);
    EXPECT_EQ(set("user.two", "").error, 0);
    EXPECT_EQ(get("user.two").text(), "");
    const std::string names = list().text();
    EXPECT_NE(names.find(std::string("user.one\0", 9)), std::string::npos);
    EXPECT_NE(names.find(std::string("user.two\0", 9)), std::string::npos);
    EXPECT_EQ(list(0).as<fuse_getxattr_out>().size, names.size());
    EXPECT_EQ(list(5).error, ERANGE);
    EXPECT_EQ(remove("user.one").error, 0);
    EXPECT_EQ(remove("user.one").error, ENODATA);
    EXPECT_EQ(::getxattr((shared / "f").c_str(), "user.one", nullptr, 0), -1);
}

TEST_F(ExtendedTest, OnFilesThatCannotBeOpened) {
    std::filesystem::permissions(shared / "f", std::filesystem::perms::none);
    EXPECT_EQ(list().error, 0);
    // The link itself, which has none, and not the file that it names.
    std::filesystem::create_symlink(outside / "secret", shared / "l");
    node = node_of("l");
    EXPECT_NE(set("user.one", "x").error, 0);
    EXPECT_EQ(::getxattr((outside / "secret").c_str(), "user.one", nullptr, 0), -1);
    EXPECT_EQ(errno, ENODATA);
    ASSERT_EQ(::mkfifo((shared / "p").c_str(), 0600), 0);
    node = node_of("p");
    EXPECT_EQ(list().error, 0) << "and it does not wait for a writer";
}

TEST_F(ExtendedTest, AccessControlListsAreNotShown) {
    for (const char* name : {"system.posix_acl_access", "system.posix_acl_default"}) {
        EXPECT_EQ(get(name).error, EOPNOTSUPP);
        EXPECT_EQ(set(name, "x").error, EOPNOTSUPP);
        EXPECT_EQ(remove(name).error, EOPNOTSUPP);
    }
    // Version 2: the owner, user 1 with a right, the group, the mask, others (acl(5), linux/posix_acl_xattr.h).
    constexpr uint16_t any = 0xffff;
    const uint16_t list_of[] = {2, 0, 0x01, 6, any, any, 0x02, 4, 1, 0, 0x04, 4, any, any, 0x10, 4, any, any, 0x20, 4, any, any};
    if (::setxattr((shared / "f").c_str(), "system.posix_acl_access", list_of, sizeof list_of, 0) != 0) GTEST_SKIP() << "no lists here";
    EXPECT_EQ(list().text().find("posix_acl"), std::string::npos);
    EXPECT_NE(list().text().find("user.one"), std::string::npos);
}

TEST_F(ExtendedTest, RequestsThatCannotBe) {
    EXPECT_EQ(ask(FUSE_GETXATTR, node, Body{}.add(fuse_getxattr_in{100, 0}).raw("user.one")).error, EINVAL) << "no end";
    EXPECT_EQ(get("").error, ERANGE);
    EXPECT_EQ(get(std::string(300, 'x')).error, ERANGE);
    EXPECT_EQ(get("no-kind").error, EOPNOTSUPP);
    // More bytes are announced than come.
    EXPECT_EQ(ask(FUSE_SETXATTR, node, Body{}.add(fuse_forget_in{6}).text("user.x").raw("value")).error, EINVAL);
    EXPECT_EQ(ask(FUSE_SETXATTR, node, Body{}.add(fuse_forget_in{UINT32_MAX}).text("user.x").raw("value")).error, EINVAL);
    EXPECT_EQ(set("user.x", std::string(70'000, 'x')).error, E2BIG);
    EXPECT_EQ(ask(FUSE_GETXATTR, node, Body{}.add(fuse_getxattr_in{UINT32_MAX, 0}).text("user.one")).text(), "value");
    EXPECT_EQ(ask(FUSE_GETXATTR, node, Body{}.add(fuse_getxattr_in{100, 0}).text("user.one"), sizeof(fuse_out_header) + 4).error, ERANGE);
    EXPECT_EQ(ask(FUSE_GETXATTR, node, Body{}.add(fuse_getxattr_in{0, 0}).text("user.one"), sizeof(fuse_out_header) + 4).error, E2BIG);
    node = 99;
    EXPECT_EQ(get("user.one").error, EBADF);
    EXPECT_EQ(list().error, EBADF);
}

}  // namespace
}  // namespace eremite::test
