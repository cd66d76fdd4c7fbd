#include "vmm/block/disk.hpp"

#include <fcntl.h>

#include "temporary_file.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

using vmm::block::open_disk;

std::string refusal(const std::string& path, bool read_only) {
    try {
        (void)open_disk(path, read_only);
    } catch (const vmm::Error& error) {
        return error.what();
    }
    return {};
}

constexpr const char* taken = "another machine has this volume: only one at a time can, unless all mount it with :ro";

TEST(Disk, HasItsSize) {
    const TemporaryFile file{off_t{1} << 20};
    const auto disk = open_disk(file.path(), false);
    EXPECT_EQ(disk.sectors, 2048U);
    EXPECT_EQ(disk.block_size, 512U);
    EXPECT_FALSE(disk.read_only);
    EXPECT_EQ(::fcntl(disk.file.get(), F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_RDWR);
}

TEST(Disk, ReadOnly) {
    const TemporaryFile file{off_t{512}};
    const auto disk = open_disk(file.path(), true);
    EXPECT_TRUE(disk.read_only);
    EXPECT_FALSE(disk.can_punch);
    EXPECT_EQ(::write(disk.file.get(), "x", 1), -1);
}

TEST(Disk, OneMachineWrites) {
    const TemporaryFile file{off_t{512}};
    {
        const auto disk = open_disk(file.path(), false);
        EXPECT_EQ(refusal(file.path(), false), file.path() + ": " + taken);
        EXPECT_EQ(refusal(file.path(), true), file.path() + ": " + taken);
    }
    EXPECT_EQ(refusal(file.path(), false), "") << "the lock goes with the disk";
}

TEST(Disk, ManyMachinesRead) {
    const TemporaryFile file{off_t{512}};
    const auto first = open_disk(file.path(), true);
    EXPECT_EQ(refusal(file.path(), true), "");
    EXPECT_EQ(refusal(file.path(), false), file.path() + ": " + taken);
}

TEST(Disk, LockOutlivesOtherDescriptors) {
    const TemporaryFile file{off_t{512}};
    const auto disk = open_disk(file.path(), false);
    (void)file.contents();  // opens and closes it
    EXPECT_NE(refusal(file.path(), false), "");
}

TEST(Disk, WhatIsNone) {
    EXPECT_NE(refusal("/nowhere/at/all", false).find("No such file"), std::string::npos);
    EXPECT_NE(refusal("/tmp", true).find("no file and no block device"), std::string::npos);
    EXPECT_NE(refusal("/dev/null", false).find("no file and no block device"), std::string::npos);
    const TemporaryFile empty;
    EXPECT_NE(refusal(empty.path(), false).find("is empty"), std::string::npos);
    const TemporaryFile odd{off_t{513}};
    EXPECT_NE(refusal(odd.path(), false).find("513 bytes"), std::string::npos);
    EXPECT_EQ(odd.contents().size(), 513U);
}

TEST(Disk, PipeIsNotWaitedFor) {
    const TemporaryFile file;
    ::unlink(file.path().c_str());
    ASSERT_EQ(::mkfifo(file.path().c_str(), 0600), 0);
    EXPECT_NE(refusal(file.path(), true).find("no file and no block device"), std::string::npos);
}

}  // namespace
}  // namespace eremite::test
