// Memory that begins as a snapshot's.
#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/vmm_snapshot/memory_file.hpp"

namespace eremite::test {
namespace {

using vmm::GuestMemory;
using vmm::SnapshotFile;

constexpr uint64_t page = 4096, mib = uint64_t{1} << 20;

struct Image : ::testing::Test {
    MemoryFile file;
    void SetUp() override {
        const GuestMemory memory{mib};
        fill(memory, 0, page, 1);
        fill(memory, mib - page, page, 2);
        (void)write_snapshot(file.descriptor(), memory, {});
    }
};

TEST_F(Image, WritesDoNotReachTheFile) {
    const SnapshotFile snapshot{file.path()};
    {
        const GuestMemory memory{snapshot.memory()};
        EXPECT_EQ(byte_at(memory, 0), 1);
        fill(memory, 0, mib, 9);
        EXPECT_EQ(file.get<uint8_t>(page), 1);
        EXPECT_EQ(file.get<uint8_t>(mib + page - 1), 2);
    }
    const GuestMemory again{snapshot.memory()};
    EXPECT_EQ(byte_at(again, 0), 1);
    EXPECT_EQ(byte_at(again, mib / 2), 0);
    EXPECT_EQ(byte_at(again, mib - 1), 2);
}

TEST_F(Image, MachinesOfOneFileDoNotSeeEachOther) {
    const SnapshotFile snapshot{file.path()};
    const GuestMemory one{snapshot.memory()}, other{snapshot.memory()};
    fill(one, 0, 1, 7);
    fill(other, mib / 2, 1, 8);
    EXPECT_EQ(byte_at(other, 0), 1);
    EXPECT_EQ(byte_at(one, mib / 2), 0);
    EXPECT_EQ(byte_at(one, 0), 7);
    EXPECT_EQ(byte_at(other, mib / 2), 8);
}

TEST_F(Image, StaysWithoutTheSnapshot) {
    std::optional<SnapshotFile> snapshot{file.path()};
    const GuestMemory memory{snapshot->memory()};
    snapshot.reset();
    EXPECT_EQ(byte_at(memory, mib - 1), 2);
}

// What was not touched of it comes from the first snapshot.
TEST_F(Image, GoesIntoASnapshotAgain) {
    const SnapshotFile snapshot{file.path()};
    const GuestMemory memory{snapshot.memory()};
    fill(memory, 0, page, 0);
    fill(memory, mib / 2 + 17, 1, 3);
    MemoryFile second;
    const uint64_t written = write_snapshot(second.descriptor(), memory, {});
    EXPECT_LT(written, mib);
    const SnapshotFile after{second.path()};
    EXPECT_TRUE(same(memory, GuestMemory{after.memory()}));
    EXPECT_EQ(byte_at(GuestMemory{snapshot.memory()}, 0), 1) << "the first one is as it was";
}

TEST_F(Image, ImpossibleSizes) {
    const SnapshotFile snapshot{file.path()};
    const vmm::MemoryImage good = snapshot.memory();
    const std::string impossible = "the snapshot is damaged: its memory has an impossible size";
    EXPECT_EQ(error_of([&] { const GuestMemory memory{{good.file, good.offset, 0}}; }), impossible);
    EXPECT_EQ(error_of([&] { const GuestMemory memory{{good.file, good.offset, good.size - 1}}; }), impossible);
    EXPECT_EQ(error_of([&] { const GuestMemory memory{{good.file, good.offset + 1, good.size}}; }), impossible);
    EXPECT_TRUE(error_of([&] { const GuestMemory memory{{-1, good.offset, good.size}}; }).starts_with("the snapshot's memory: "));
}

}  // namespace
}  // namespace eremite::test
