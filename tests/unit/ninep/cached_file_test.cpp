// Files whose pages are cached: when the server's files change, and when changes of those are seen.
#include "file_system_fixture.hpp"

namespace eremite::test {

class NinepCachedFile : public NinepFileSystem {
protected:
    NinepCachedFile() : NinepFileSystem{"/tmp", true} {}
    static constexpr int read_request = 116, write_request = 118;
};

TEST_F(NinepCachedFile, WhatIsWrittenIsTheServersOnceItIsClosed) {
    const auto file = create("f");
    EXPECT_EQ(put(*file, "01234"), 5);
    EXPECT_EQ(put(*file, "56789"), 5);
    EXPECT_EQ(get_at(*file, 3, 4), "3456");
    EXPECT_EQ(read_host("f"), "");
    EXPECT_TRUE(file->flush().ok());
    EXPECT_EQ(read_host("f"), "0123456789");
    EXPECT_EQ(server.counts[write_request], 1);
    EXPECT_EQ(put_at(*file, 2, "ab"), 2);
    EXPECT_TRUE(file->synchronize(true).ok());
    EXPECT_EQ(read_host("f"), "01ab456789");
    EXPECT_EQ(server.counts[read_request], 0);
}

TEST_F(NinepCachedFile, WhatOthersWroteIsSeenWhenItIsOpened) {
    write_host("f", "before");
    const auto inode = find("/mnt/f");
    EXPECT_EQ(get_at(*open(inode, O_RDONLY), 0, 100), "before");
    EXPECT_EQ(get_at(*open(inode, O_RDONLY), 0, 100), "before");
    EXPECT_EQ(server.counts[read_request], 1);
    write_host("f", "afterwards");
    EXPECT_EQ(get_at(*open(inode, O_RDONLY), 0, 100), "afterwards");
}

TEST_F(NinepCachedFile, AttributesTellOfWhatWasWritten) {
    const auto file = create("f");
    EXPECT_EQ(put(*file, "01234"), 5);
    EXPECT_EQ(file->attributes()->size, 5U);
    ASSERT_TRUE(file->inode()->truncate(3).ok());
    EXPECT_EQ(file->attributes()->size, 3U);
    EXPECT_EQ(read_host("f"), "012");
}

TEST_F(NinepCachedFile, LargeTransfersComeInFewPieces) {
    const std::string text = pattern(3'000'000);
    const auto file = create("large");
    EXPECT_EQ(put(*file, text), 3'000'000);
    EXPECT_TRUE(get_at(*file, 0, 4'000'000) == text);
    EXPECT_TRUE(file->flush().ok());
    EXPECT_TRUE(read_host("large") == text);
    EXPECT_LE(server.counts[write_request], 24);
}

TEST_F(NinepCachedFile, AnErrorIsToldOnceByEachOpenFile) {
    const auto file = create("f");
    const auto other = open(Ref<fs::Inode>::share(file->inode()), O_RDWR);
    EXPECT_EQ(put(*file, "x"), 1);
    transport.broken = true;
    EXPECT_EQ(fault(file_system->synchronize()), EIO);
    transport.broken = false;
    EXPECT_EQ(fault(file->synchronize(false)), EIO);
    EXPECT_EQ(fault(file->synchronize(false)), 0);
    EXPECT_EQ(fault(other->synchronize(false)), EIO);
    EXPECT_EQ(fault(other->synchronize(false)), 0);
    EXPECT_EQ(fault(open(Ref<fs::Inode>::share(file->inode()), O_RDWR)->synchronize(false)), 0);
}

TEST_F(NinepCachedFile, TransfersManageWithoutMemory) {
    const std::string text(100'000, 'x');
    const auto file = create("f");
    {
        const Hunger hunger{0};
        EXPECT_EQ(put(*file, text), 100'000);
        EXPECT_TRUE(get_at(*file, 0, 200'000) == text);
    }
    EXPECT_TRUE(file->flush().ok());
    EXPECT_TRUE(read_host("f") == text);
}

// What is still to be written goes by a handle that is kept, since the name has gone.
TEST_F(NinepCachedFile, AnOpenFileOutlivesItsName) {
    const auto file = create("f");
    EXPECT_EQ(put(*file, "0123456789"), 10);
    ASSERT_TRUE(mounted->unlink("f").ok());
    EXPECT_EQ(file->attributes()->size, 10U);
    ASSERT_TRUE(file->inode()->truncate(3).ok());
    EXPECT_EQ(get_at(*file, 0, 100), "012");
    EXPECT_EQ(put_at(*file, 5, "x"), 1);
    EXPECT_EQ(get_at(*file, 0, 100), std::string("012\0\0x", 6));
    EXPECT_TRUE(file->synchronize(false).ok());
    EXPECT_EQ(get_at(*file, 0, 100), std::string("012\0\0x", 6));
}

}  // namespace eremite::test
