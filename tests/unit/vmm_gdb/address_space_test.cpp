#include "vmm/gdb/address_space.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace eremite::vmm::gdb {
namespace {

constexpr uint64_t present = 1, user = 4, large = 0x80, no_execute = uint64_t{1} << 63;
constexpr uint64_t top = 0x1000, upper = 0x2000, lower = 0x3000, leaf = 0x4000;

struct Tables {
    GuestMemory memory{uint64_t{1} << 20};
    PagingState state{.cr0 = 0x80000001, .cr3 = top, .cr4 = 0x20, .efer = 0x500};

    void set(uint64_t table, uint64_t index, uint64_t entry) {
        std::ranges::copy(std::as_bytes(std::span{&entry, 1}), memory.piece(table + index * sizeof entry, sizeof entry).begin());
    }
    std::optional<uint64_t> physical(uint64_t address) {
        const auto translation = translate(memory, state, address);
        return translation ? std::optional{translation->physical} : std::nullopt;
    }
};

TEST(AddressSpace, WithoutPagingAnAddressIsItsOwn) {
    Tables tables;
    tables.state.cr0 = 1;
    EXPECT_EQ(tables.physical(0x12345), 0x12345U);
}

TEST(AddressSpace, FourLevels) {
    Tables tables;
    tables.set(top, 256, upper | present | user);
    tables.set(upper, 1, lower | present | user);
    tables.set(lower, 2, leaf | present | user);
    tables.set(leaf, 3, 0x7000 | present | user);
    tables.set(leaf, 4, 0x8000 | present | no_execute);
    constexpr uint64_t base = 0xffff800000000000 + (uint64_t{1} << 30) + (uint64_t{2} << 21);
    EXPECT_EQ(tables.physical(base + 0x3123), 0x7123U);
    EXPECT_TRUE(translate(tables.memory, tables.state, base + 0x3000)->user);
    EXPECT_TRUE(translate(tables.memory, tables.state, base + 0x3000)->executable);
    EXPECT_FALSE(translate(tables.memory, tables.state, base + 0x4000)->user);
    EXPECT_FALSE(translate(tables.memory, tables.state, base + 0x4000)->executable);
    EXPECT_EQ(tables.physical(base + 0x5000), std::nullopt);
    // Not the canonical form of the same.
    EXPECT_EQ(tables.physical((base & 0x0000ffffffffffff) + 0x3123), std::nullopt);
}

TEST(AddressSpace, LargePages) {
    Tables tables;
    tables.set(top, 0, upper | present);
    tables.set(upper, 0, lower | present);
    tables.set(upper, 1, (uint64_t{5} << 30) | present | large);
    tables.set(lower, 3, (uint64_t{9} << 21) | present | large);
    EXPECT_EQ(tables.physical((uint64_t{1} << 30) + 0x1234567), (uint64_t{5} << 30) + 0x1234567);
    EXPECT_EQ(tables.physical((uint64_t{3} << 21) + 0x12345), (uint64_t{9} << 21) + 0x12345);
}

TEST(AddressSpace, FiveLevels) {
    Tables tables;
    tables.state.cr4 |= 0x1000;
    tables.set(top, 1, upper | present);
    tables.set(upper, 0, lower | present);
    tables.set(lower, 0, (uint64_t{7} << 30) | present | large);
    EXPECT_EQ(tables.physical((uint64_t{1} << 48) + 5), (uint64_t{7} << 30) + 5);
}

TEST(AddressSpace, TablesThatLeadToThemselvesOrNowhere) {
    Tables tables;
    tables.set(top, 0, top | present);
    EXPECT_EQ(tables.physical(0x123), top + 0x123);
    tables.set(top, 0, 0x000ffffffffff000 | present);
    EXPECT_EQ(tables.physical(0x123), std::nullopt);
    tables.state.cr3 = UINT64_MAX;
    EXPECT_EQ(tables.physical(0x123), std::nullopt);
    // The highest level has no large pages.
    tables.state.cr3 = top;
    tables.set(top, 0, upper | present | large);
    EXPECT_EQ(tables.physical(0x123), std::nullopt);
}

TEST(AddressSpace, TablesOf32BitsAreNotLookedAt) {
    Tables tables;
    tables.state.efer = 0;
    EXPECT_EQ(tables.physical(0x123), std::nullopt);
}

}  // namespace
}  // namespace eremite::vmm::gdb
