#include "libos/fs/file_table.hpp"

#include "fixture.hpp"
#include "libos/fs/dev/devices.hpp"

namespace eremite::test {

class FileTableTest : public FileTest {
protected:
    Ref<fs::File> file() { return std::move(*find("/dev/null")->open(O_RDONLY)); }
};

TEST_F(FileTableTest, LowestFreeNumber) {
    fs::FileTable table;
    for (int i = 0; i < 200; ++i) EXPECT_EQ(table.add(file(), false).value(), i);
    for (const int d : {150, 3, 64, 63}) EXPECT_TRUE(table.close(d).ok());
    for (const int d : {3, 63, 64, 150, 200}) EXPECT_EQ(table.add(file(), false).value(), d);
    EXPECT_EQ(table.add(file(), false, 100).value(), 201);
    EXPECT_EQ(table.add(file(), false, 500).value(), 500);
    EXPECT_EQ(table.next_open(202), 500);
    EXPECT_EQ(table.next_open(501), -1);
}

TEST_F(FileTableTest, Limits) {
    fs::FileTable table;
    EXPECT_EQ(table.add(file(), false, 1024).code(), EINVAL);
    EXPECT_EQ(table.add(file(), false, -1).code(), EINVAL);
    EXPECT_EQ(table.replace(1024, file(), false).code(), EBADF);
    EXPECT_EQ(table.replace(-1, file(), false).code(), EBADF);
    EXPECT_EQ(table.set_limit(65537).code(), EPERM);
    ASSERT_TRUE(table.set_limit(65536).ok());
    const Ref<fs::File> shared = file();
    for (int i = 0; i < 65536; ++i) ASSERT_EQ(table.add(shared, false).value(), i);
    EXPECT_EQ(table.add(shared, false).code(), EMFILE);
    ASSERT_TRUE(table.set_limit(10).ok());
    EXPECT_TRUE(table.get(65535).ok());
    EXPECT_TRUE(table.close(65535).ok());
    EXPECT_EQ(table.get(65535).code(), EBADF);
    EXPECT_EQ(shared->reference_count(), 65536U);
}

TEST_F(FileTableTest, CloseOnExec) {
    fs::FileTable table;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(table.add(file(), i == 4).ok());
    EXPECT_TRUE(table.close_on_exec(4).value());
    EXPECT_FALSE(table.close_on_exec(5).value());
    table.set_close_on_exec_range(7, UINT32_MAX);
    EXPECT_TRUE(table.close_on_exec(9).value());
    table.close_range(2, 8);
    EXPECT_EQ(table.next_open(2), 9);
    EXPECT_EQ(table.close_on_exec(4).code(), EBADF);
}

TEST_F(FileTableTest, FailedAllocationsChangeNothing) {
    fs::FileTable table;
    const Ref<fs::File> shared = file();
    {
        const FailingHeap failing{0};
        EXPECT_EQ(table.add(shared, false).code(), ENOMEM);
    }
    {
        const FailingHeap failing{1};
        EXPECT_EQ(table.add(shared, false).code(), ENOMEM);
    }
    EXPECT_EQ(table.add(shared, false).value(), 0);
}

}  // namespace eremite::test
