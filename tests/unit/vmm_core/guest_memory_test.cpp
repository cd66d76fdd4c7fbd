#include "vmm/guest_memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

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

TEST(GuestMemory, FileHoldsTheSameBytesAndKeepsItsSize) {
    const GuestMemory memory{mib};
    memory.piece(4096, 1)[0] = std::byte{42};
    std::array<char, 1> byte{};
    ASSERT_EQ(::pread(memory.descriptor(), byte.data(), 1, 4096), 1);
    EXPECT_EQ(byte[0], 42);
    EXPECT_NE(::ftruncate(memory.descriptor(), 0), 0);
    EXPECT_NE(::ftruncate(memory.descriptor(), 2 * mib), 0);
    EXPECT_NE(::fcntl(memory.descriptor(), F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace eremite::vmm
