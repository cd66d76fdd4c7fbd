#include "libos/platform/processors.hpp"

#include <gtest/gtest.h>

#include "acpi_tables.hpp"

namespace eremite::test {
namespace {

struct ProcessorsTest : ::testing::Test {
    Firmware firmware;
    // The table after its address and flags: local APICs {id, flags} between structures of other kinds.
    static Octets madt(const std::vector<std::pair<uint8_t, uint32_t>>& processors) {
        Octets body(8);
        for (const auto& [id, flags] : processors) {
            const Octets other{1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
            body.insert(body.end(), other.begin(), other.end());
            const Octets local{0, 8, 0, id, static_cast<uint8_t>(flags), 0, 0, 0};
            body.insert(body.end(), local.begin(), local.end());
        }
        return body;
    }
    platform::Processors find(uint64_t rsdp = Firmware::root) {
        platform::FlatMemoryView view{firmware.memory().data(), firmware.memory().size()};
        return platform::find_processors(PhysicalAddress{rsdp}, view);
    }
    void store_mp_table(uint64_t at, uint16_t entries, const Octets& list) {
        Octets table(44);
        std::memcpy(table.data(), "PCMP", 4);
        put(table, 34, entries);
        table.insert(table.end(), list.begin(), list.end());
        put(table, 4, static_cast<uint16_t>(table.size()));
        fix_checksum(table, 7);
        Octets pointer(16);
        std::memcpy(pointer.data(), "_MP_", 4);
        put(pointer, 4, static_cast<uint32_t>(firmware.add(table)));
        pointer[8] = 1;
        fix_checksum(pointer, 10);
        firmware.store(at, pointer);
    }
    static Octets mp_processor(uint8_t id, uint8_t flags) {
        Octets entry(20);
        entry[1] = id;
        entry[3] = flags;
        return entry;
    }
};

TEST_F(ProcessorsTest, OfTheMadtThatAreEnabled) {
    firmware.add_root({firmware.add(make_table("APIC", madt({{0, 1}, {2, 1}, {3, 0}, {7, 1}, {2, 1}})))});
    const auto found = find();
    ASSERT_EQ(found.count, 3U);
    EXPECT_EQ(found.ids[0], 0U);
    EXPECT_EQ(found.ids[1], 2U);
    EXPECT_EQ(found.ids[2], 7U);
}

TEST_F(ProcessorsTest, NoMoreThanThereIsRoomFor) {
    std::vector<std::pair<uint8_t, uint32_t>> many;
    for (unsigned i = 0; i < 200; ++i) many.emplace_back(static_cast<uint8_t>(i), 1);
    firmware.add_root({firmware.add(make_table("APIC", madt(many)))});
    EXPECT_EQ(find().count, platform::Processors::most);
}

TEST_F(ProcessorsTest, StructureLongerThanItsTableEndsTheList) {
    Octets body = madt({{0, 1}, {1, 1}});
    body[body.size() - 7] = 200;
    firmware.add_root({firmware.add(make_table("APIC", body))});
    EXPECT_EQ(find().count, 1U);
    body[body.size() - 7] = 0;
    firmware.add_root({firmware.add(make_table("APIC", body))});
    EXPECT_EQ(find().count, 1U);
}

TEST_F(ProcessorsTest, OfTheMultiprocessorTableWithoutAcpi) {
    Octets list = mp_processor(0, 3);
    for (const Octets& entry : {mp_processor(1, 1), mp_processor(2, 0), mp_processor(3, 1)}) list.insert(list.end(), entry.begin(), entry.end());
    list.insert(list.end(), {1, 0, 0, 0, 0, 0, 0, 0});
    store_mp_table(0xf1230, 5, list);
    const auto found = find(0);
    ASSERT_EQ(found.count, 3U);
    EXPECT_EQ(found.ids[1], 1U);
    EXPECT_EQ(found.ids[2], 3U);
}

TEST_F(ProcessorsTest, MultiprocessorTableThatEndsEarly) {
    store_mp_table(0x9fc00, 100, mp_processor(5, 1));
    const auto found = find(0);
    ASSERT_EQ(found.count, 1U);
    EXPECT_EQ(found.ids[0], 5U);
}

TEST_F(ProcessorsTest, NoneWithoutTables) { EXPECT_EQ(find(0).count, 0U); }

}  // namespace
}  // namespace eremite::test
