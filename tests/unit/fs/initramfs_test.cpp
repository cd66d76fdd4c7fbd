#include "libos/fs/initramfs.hpp"

#include "cpio_builder.hpp"
#include "fixture.hpp"

namespace eremite::test {

using InitramfsTest = FileTest;

TEST_F(InitramfsTest, UnpacksEverything) {
    CpioBuilder archive;
    archive.directory("etc", 0700).add("etc/config", "value").link("current", "etc/config").add("deep/er/file", "x");
    archive.add("node", {}, {.mode = 0020666}).end();
    const auto report = fs::unpack_initramfs(root(), archive.bytes());
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report.entries, 5U);
    EXPECT_EQ(read(*find("/current")), "value");
    EXPECT_EQ(find("/etc")->attributes()->mode, 0040700U);
    EXPECT_EQ(find("/etc/config")->attributes()->modification_time, 1'000'000'000'000);
    EXPECT_EQ(read(*find("/deep/er/file")), "x");
    EXPECT_EQ(find("/node")->attributes()->device_number, fs::device_number(1, 3));
}

TEST_F(InitramfsTest, NamesCannotLeaveTheRoot) {
    CpioBuilder archive;
    archive.add("../../a", "1").add("/b", "2").add("./x/../c", "3").directory(".", 0711).directory("..", 0711);
    archive.link("out", "/tmp").add("..//dev/./made", "4").end();
    const auto report = fs::unpack_initramfs(root(), archive.bytes());
    ASSERT_TRUE(report.ok()) << report.file_error;
    EXPECT_EQ(read(*find("/a")), "1");
    EXPECT_EQ(read(*find("/b")), "2");
    EXPECT_EQ(read(*find("/c")), "3");
    EXPECT_EQ(read(*find("/dev/made")), "4");
    EXPECT_EQ(root()->attributes()->mode, 0040711U);
}

TEST_F(InitramfsTest, LinksOnTheWayAreNotFollowed) {
    const auto report = fs::unpack_initramfs(root(), CpioBuilder{}.link("l", "/tmp").add("l/file", "x").end().bytes());
    EXPECT_EQ(report.file_error, ENOTDIR);
    EXPECT_EQ(report.entries, 1U);
}

TEST_F(InitramfsTest, HardLinksShareTheirBytes) {
    CpioBuilder archive;
    archive.add("first", {}, {.inode = 9, .links = 3}).add("second", {}, {.inode = 9, .links = 3});
    archive.add("third", "bytes", {.inode = 9, .links = 3}).add("other", "o", {.inode = 9, .links = 2, .device_minor = 1}).end();
    archive.add("later", "l", {.inode = 9, .links = 2}).end();
    ASSERT_TRUE(fs::unpack_initramfs(root(), archive.bytes()).ok());
    EXPECT_EQ(read(*find("/first")), "bytes");
    EXPECT_EQ(find("/second")->attributes()->links, 3U);
    EXPECT_EQ(find("/other")->attributes()->links, 1U);
    EXPECT_EQ(find("/later")->attributes()->links, 1U);
}

TEST_F(InitramfsTest, LaterEntriesReplaceEarlierOnes) {
    CpioBuilder archive;
    archive.add("f", "old and long").add("f", "new").link("f2", "f").add("f2", "file").end();
    ASSERT_TRUE(fs::unpack_initramfs(root(), archive.bytes()).ok());
    EXPECT_EQ(read(*find("/f")), "new");
    EXPECT_EQ(read(*find("/f2")), "file");
    ASSERT_TRUE(fs::unpack_initramfs(root(), CpioBuilder{}.add("f", "third").end().bytes()).ok());
    EXPECT_EQ(read(*find("/f")), "third");
}

TEST_F(InitramfsTest, ReportsErrorsWithTheirPlace) {
    auto bytes = CpioBuilder{}.add("a", "1").add("b", "2").end().bytes();
    bytes.resize(150);
    const auto report = fs::unpack_initramfs(root(), bytes);
    EXPECT_EQ(report.archive_error, fs::CpioError::Truncated);
    EXPECT_EQ(report.offset, 150U);
    EXPECT_EQ(report.entries, 1U);
}

TEST_F(InitramfsTest, FullMemoryIsReported) {
    const Hunger hunger{20};
    const auto report = fs::unpack_initramfs(root(), CpioBuilder{}.add("big", std::string(1 << 20, 'x')).end().bytes());
    EXPECT_EQ(report.file_error, ENOSPC);
}

TEST_F(InitramfsTest, SurvivesEveryFailedAllocation) {
    const auto bytes = CpioBuilder{}
                           .add("d/f", std::string(300000, 'x'))
                           .link("l", "d")
                           .add("g", {}, {.links = 2})
                           .add("h", {}, {.links = 2})
                           .end()
                           .bytes();
    for (int64_t n = 0;; ++n) {
        fs::UnpackReport report;
        {
            const FailingHeap failing{n};
            report = fs::unpack_initramfs(root(), bytes);
        }
        if (report.ok()) break;
        EXPECT_TRUE(report.file_error == ENOMEM || report.file_error == ENOSPC) << report.file_error;
        ASSERT_LT(n, 1000);
    }
    EXPECT_EQ(find("/d/f")->attributes()->size, 300000U);
}

}  // namespace eremite::test
