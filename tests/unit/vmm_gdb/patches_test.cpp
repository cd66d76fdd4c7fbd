#include "vmm/gdb/patches.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace eremite::vmm::gdb {
namespace {

using Kind = Breakpoint::Kind;
constexpr uint64_t image_start = 0x10000, image_end = 0x20000;
constexpr uint64_t top = 0x1000, upper = 0x2000, lower = 0x3000, leaf = 0x4000;
constexpr std::byte filling{0x90};

struct Guest {
    GuestMemory memory{uint64_t{1} << 20};
    Patches patches{memory, image_start, image_end};
    PagingState off{};
    PagingState on{.cr0 = 0x80000001, .cr3 = top, .cr4 = 0x20, .efer = 0x500};

    Guest() {
        std::ranges::fill(memory.piece(image_start, 0x40000), filling);
        set(top, 0, upper | 7);
        set(upper, 0, lower | 7);
        set(lower, 0, leaf | 7);
    }
    void set(uint64_t table, uint64_t index, uint64_t entry) {
        std::ranges::copy(std::as_bytes(std::span{&entry, 1}), memory.piece(table + index * sizeof entry, sizeof entry).begin());
    }
    // Of the addresses below 2 MiB.
    void map(uint64_t address, uint64_t physical) { set(leaf, address / page_size, physical != 0 ? physical | 7 : 0); }
    std::byte at(uint64_t physical) { return memory.piece(physical, 1)[0]; }
};

TEST(Patches, ImageIsPatchedBeforeThereIsPaging) {
    Guest guest;
    EXPECT_TRUE(guest.patches.add(image_start + 5, Kind::Software));
    guest.patches.follow(guest.off);
    EXPECT_EQ(guest.at(image_start + 5), Patches::int3);
    EXPECT_EQ(guest.patches.at(image_start + 5), Kind::Software);
    EXPECT_EQ(guest.patches.at(image_start + 6), std::nullopt);
    guest.patches.remove(image_start + 5, Kind::Hardware);
    EXPECT_EQ(guest.at(image_start + 5), Patches::int3);
    guest.patches.remove(image_start + 5, Kind::Software);
    EXPECT_EQ(guest.at(image_start + 5), filling);
    EXPECT_TRUE(guest.patches.empty());
}

TEST(Patches, MemoryThatIsNotYetTheProgramIsLeftAlone) {
    Guest guest;
    constexpr uint64_t address = image_end + 0x1008, page = image_end + 0x1000, program = 0x40000;
    EXPECT_TRUE(guest.patches.add(address, Kind::Software));
    guest.patches.follow(guest.off);
    guest.map(page, page);
    guest.patches.follow(guest.on);
    EXPECT_EQ(guest.at(address), filling);
    EXPECT_TRUE(guest.patches.waits());
    EXPECT_TRUE(guest.patches.waits_for(page));
    EXPECT_FALSE(guest.patches.waits_for(page + page_size));
    guest.map(page, program);
    guest.patches.follow(guest.on);
    EXPECT_EQ(guest.at(program + 8), Patches::int3);
    EXPECT_FALSE(guest.patches.waits());
    EXPECT_FALSE(guest.patches.waits_for(page));
}

TEST(Patches, FollowItsAddress) {
    Guest guest;
    constexpr uint64_t address = image_start + 8, elsewhere = 0x40000;
    EXPECT_TRUE(guest.patches.add(address, Kind::Software));
    guest.patches.follow(guest.off);
    EXPECT_TRUE(guest.patches.waits());
    guest.map(image_start, elsewhere);
    guest.patches.follow(guest.on);
    EXPECT_EQ(guest.at(address), filling);
    EXPECT_EQ(guest.at(elsewhere + 8), Patches::int3);
    // What is not mapped at the moment stays.
    guest.map(image_start, 0);
    guest.patches.follow(guest.on);
    EXPECT_EQ(guest.at(elsewhere + 8), Patches::int3);
    guest.patches.remove_all();
    EXPECT_EQ(guest.at(elsewhere + 8), filling);
}

TEST(Patches, WhatTheGuestWroteOverItStays) {
    Guest guest;
    EXPECT_TRUE(guest.patches.add(image_start, Kind::Software));
    guest.patches.follow(guest.off);
    guest.memory.piece(image_start, 1)[0] = std::byte{0x12};
    guest.patches.remove_all();
    EXPECT_EQ(guest.at(image_start), std::byte{0x12});
}

TEST(Patches, DebuggerDoesNotSeeThem) {
    Guest guest;
    EXPECT_TRUE(guest.patches.add(image_start + 1, Kind::Software));
    EXPECT_TRUE(guest.patches.add(image_start + 3, Kind::Software));
    guest.patches.follow(guest.off);
    std::array<std::byte, 3> bytes{};
    std::ranges::copy(guest.memory.piece(image_start, 3), bytes.begin());
    guest.patches.hide(image_start, bytes);
    EXPECT_EQ(bytes, (std::array{filling, filling, filling}));
    // What it writes comes to light when the breakpoint goes.
    bytes = {std::byte{1}, std::byte{2}, std::byte{3}};
    guest.patches.keep(image_start, bytes);
    EXPECT_EQ(bytes, (std::array{std::byte{1}, Patches::int3, std::byte{3}}));
    guest.patches.remove_all();
    EXPECT_EQ(guest.at(image_start + 1), std::byte{2});
}

TEST(Patches, AddressesThatLeadNowhere) {
    Guest guest;
    for (const uint64_t address : {uint64_t{0}, UINT64_MAX, uint64_t{1} << 47, guest.memory.size()}) EXPECT_TRUE(guest.patches.add(address, Kind::Software));
    guest.patches.follow(guest.off);
    guest.patches.follow(guest.on);
    guest.patches.remove_all();
    for (uint64_t i = 0; i < Patches::most; ++i) ASSERT_TRUE(guest.patches.add(i, Kind::Software));
    EXPECT_FALSE(guest.patches.add(Patches::most, Kind::Software));
    EXPECT_TRUE(guest.patches.add(5, Kind::Software));
}

}  // namespace
}  // namespace eremite::vmm::gdb
