// Files and directories that are used after their names have gone, which the server does not help with.
#include "file_system_fixture.hpp"

namespace eremite::test {

TEST_F(NinepFileSystem, AnOpenFileOutlivesItsName) {
    const auto file = create("f");
    EXPECT_EQ(put(*file, "0123456789"), 10);
    ASSERT_TRUE(mounted->unlink("f").ok());
    EXPECT_FALSE(filesystem::exists(host("f")));
    EXPECT_TRUE(file->inode()->unlinked());
    EXPECT_EQ(file->attributes()->links, 0U);
    EXPECT_EQ(file->attributes()->size, 10U);
    EXPECT_EQ(get_at(*file, 5, 100), "56789");
    EXPECT_EQ(put_at(*file, 8, "abcd"), 4);
    EXPECT_EQ(file->attributes()->size, 12U);
    // The server cannot truncate what has no name; its leftovers must not show.
    ASSERT_TRUE(file->inode()->truncate(3).ok());
    EXPECT_EQ(get_at(*file, 0, 100), "012");
    ASSERT_TRUE(file->inode()->truncate(6).ok());
    EXPECT_EQ(get_at(*file, 0, 100), std::string("012\0\0\0", 6));
    ASSERT_TRUE(file->inode()->truncate(2).ok());
    EXPECT_EQ(put_at(*file, 5, "x"), 1);
    EXPECT_EQ(get_at(*file, 0, 100), std::string("01\0\0\0x", 6));
    ASSERT_TRUE(file->inode()->truncate(20).ok());
    EXPECT_EQ(get_at(*file, 0, 100), std::string("01\0\0\0x", 6) + std::string(14, '\0'));
    fs::AttributeChange change;
    change.permissions = 0600;
    ASSERT_TRUE(file->inode()->set_attributes(change).ok());
    EXPECT_EQ(file->attributes()->mode, S_IFREG | 0600U);
    EXPECT_TRUE(file->inode()->synchronize(false).ok());
    // Another file of this name is another file.
    const auto other = create("f");
    EXPECT_NE(other->inode(), file->inode());
    EXPECT_EQ(put(*other, "other"), 5);
    EXPECT_EQ(get_at(*file, 0, 2), "01");
    EXPECT_EQ(get_at(*open(Ref<fs::Inode>::share(file->inode()), O_RDONLY), 0, 2), "01") << "as by /proc/self/fd";
}

TEST_F(NinepFileSystem, AppendingToAFileWithoutNameKnowsItsEnd) {
    const auto file = create("f", O_RDWR | O_APPEND);
    EXPECT_EQ(put(*file, "0123456789"), 10);
    ASSERT_TRUE(mounted->unlink("f").ok());
    ASSERT_TRUE(file->inode()->truncate(4).ok());
    EXPECT_EQ(put(*file, "ab"), 2);
    EXPECT_EQ(get_at(*file, 0, 100), "0123ab");
    file->set_flags(O_RDWR);
    EXPECT_EQ(put_at(*file, 1, "-"), 1);
    EXPECT_EQ(get_at(*file, 0, 100), "0-23ab");
}

TEST_F(NinepFileSystem, ReplacedAndLinkedFilesStayUsable) {
    const auto old = create("target");
    EXPECT_EQ(put(*old, "old"), 3);
    const auto fresh = create("new");
    EXPECT_EQ(put(*fresh, "fresh"), 5);
    ASSERT_TRUE(mounted->rename("new", *mounted, "target", fs::RenameMode::Replace).ok());
    EXPECT_EQ(old->attributes()->links, 0U);
    EXPECT_EQ(get_at(*old, 0, 10), "old");
    EXPECT_EQ(fresh->attributes()->links, 1U);
    EXPECT_EQ(read_host("target"), "fresh");
    // One of two names goes: the file is known by the other from the next look-up on.
    ASSERT_TRUE(mounted->link("second", *fresh->inode()).ok());
    EXPECT_EQ(fresh->attributes()->links, 2U);
    ASSERT_TRUE(mounted->unlink("target").ok());
    EXPECT_EQ(fresh->attributes()->links, 1U);
    EXPECT_EQ(find("/mnt/second").get(), fresh->inode());
    EXPECT_FALSE(fresh->inode()->unlinked());
    ASSERT_TRUE(fresh->inode()->truncate(2).ok());
    EXPECT_EQ(read_host("second"), "fr");
    EXPECT_EQ(fault(mounted->rename("second", *mounted, "x", fs::RenameMode::Exchange)), EINVAL);
    EXPECT_EQ(fault(mounted->rename("second", *mounted, "second", fs::RenameMode::NoReplace)), EEXIST);
    EXPECT_EQ(fault(mounted->rename("second", *mounted, "third", fs::RenameMode::NoReplace)), 0);
}

TEST_F(NinepFileSystem, DirectoriesGoWithTheirNames) { expect_directories_to_go_with_their_names(); }

}  // namespace eremite::test
