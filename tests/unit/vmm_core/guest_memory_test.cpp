#include "vmm/guest_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "vmm/error.hpp"

namespace eremite::vmm {
namespace {

constexpr uint64_t mib = uint64_t{1} << 20, gib = uint64_t{1} << 30;

TEST(GuestMemory, PiecesAreWhereTheyShouldBe) {
    const GuestMemory memory{2 * mib};
    ASSERT_EQ(memory.regions().size(), 1U);
    EXPECT_EQ(memory.regions()[0].address, 0U);
    const auto all = memory.piece(0, 2 * mib);
    ASSERT_EQ(all.size(), 2 * mib);
    const auto piece = memory.piece(mib, 100);
    EXPECT_EQ(piece.data(), all.data() + mib);
    EXPECT_EQ(piece.size(), 100U);
}

TEST(GuestMemory, NothingOutsideOfIt) {
    const GuestMemory memory{mib};
    EXPECT_EQ(memory.piece(mib - 1, 1).size(), 1U);
    EXPECT_TRUE(memory.piece(mib - 1, 2).empty());
    EXPECT_TRUE(memory.piece(mib, 1).empty());
    EXPECT_TRUE(memory.piece(0, mib + 1).empty());
    EXPECT_TRUE(memory.piece(0, UINT64_MAX).empty());
    EXPECT_TRUE(memory.piece(4096, UINT64_MAX - 4095).empty()) << "address and length wrap to 0";
    EXPECT_TRUE(memory.piece(UINT64_MAX, 1).empty());
    EXPECT_TRUE(memory.piece(UINT64_MAX - 4095, 8192).empty());
    EXPECT_TRUE(memory.piece(GuestMemory::high_start, 1).empty());
}

TEST(GuestMemory, NoBytesAreNoPiece) {
    const GuestMemory memory{mib};
    EXPECT_TRUE(memory.piece(0, 0).empty());
    EXPECT_TRUE(memory.piece(mib, 0).empty());
}

TEST(GuestMemory, WholePages) {
    EXPECT_EQ(GuestMemory{1}.size(), 4096U);
    EXPECT_EQ(GuestMemory{4097}.size(), 8192U);
    EXPECT_THROW(GuestMemory{0}, Error);
    EXPECT_THROW(GuestMemory{UINT64_MAX}, Error);
    EXPECT_THROW(GuestMemory{uint64_t{1} << 63}, Error);
    EXPECT_THROW(GuestMemory{UINT64_MAX - 4095}, Error);
}

TEST(GuestMemory, HoleBelowFourGigabytes) {
    const GuestMemory memory{4 * gib};
    ASSERT_EQ(memory.regions().size(), 2U);
    EXPECT_EQ(memory.regions()[1].address, 4 * gib);
    EXPECT_EQ(memory.regions()[1].bytes.size(), gib);
    EXPECT_EQ(memory.piece(GuestMemory::low_end - 1, 1).size(), 1U);
    EXPECT_TRUE(memory.piece(GuestMemory::low_end - 1, 2).empty()) << "two regions are no piece";
    EXPECT_TRUE(memory.piece(GuestMemory::low_end, 1).empty());
    EXPECT_TRUE(memory.piece(4 * gib - 1, 2).empty());
    EXPECT_EQ(memory.piece(4 * gib, gib).data(), memory.piece(0, 3 * gib).data() + 3 * gib);
    EXPECT_TRUE(memory.piece(5 * gib - 1, 2).empty());
}

TEST(GuestMemory, BeginsWhereALargePageMay) {
    for (const uint64_t size : {uint64_t{4096}, mib, 2 * mib, 3 * mib, 64 * mib + 4096}) {
        const GuestMemory memory{size};
        EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.piece(0, size).data()) % (2 * mib), 0U) << size;
    }
}

TEST(GuestMemory, LeavesNoAddressesBehind) {
    const auto mappings = [] {
        std::ifstream maps{"/proc/self/maps"};
        return std::count(std::istreambuf_iterator<char>{maps}, {}, '\n');
    };
    const auto before = mappings();
    for (uint64_t size = 4096; size < 8 * mib; size += 5 * 4096) const GuestMemory memory{size};
    EXPECT_LE(mappings(), before + 2) << "what the allocator took";
}

TEST(GuestMemory, NothingIsTouchedByItself) {
    GuestMemory memory{64 * mib};
    memory.open_page_map();
    EXPECT_EQ(memory.next_touched(0).size, 0U);
    EXPECT_EQ(memory.resident(), 0U);
}

TEST(GuestMemory, TellsWhatWasTouched) {
    GuestMemory memory{64 * mib};
    memory.open_page_map();
    for (const uint64_t at : {5 * mib + 4096, 40 * mib, 64 * mib - 1}) {
        memory.piece(at, 1)[0] = std::byte{42};
        const PageMap::Run run = memory.next_touched(at / (2 * mib) * (2 * mib));
        // A large page around it, or one of the small ones.
        EXPECT_LE(run.offset, at);
        EXPECT_GT(run.offset + run.size, at);
        EXPECT_LE(run.offset + run.size, memory.size());
    }
    EXPECT_LE(memory.next_touched(0).offset, 5 * mib + 4096);
    EXPECT_GE(memory.resident(), 3 * 4096U);
    EXPECT_LE(memory.resident(), 6 * mib);
    EXPECT_EQ(memory.next_touched(memory.size()).size, 0U);
}

}  // namespace
}  // namespace eremite::vmm
