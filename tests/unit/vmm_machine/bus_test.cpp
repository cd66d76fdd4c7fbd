#include "vmm/bus.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace eremite::test {
namespace {

// Remembers the last access.
class FakeRegisters final : public vmm::Registers {
public:
    void read(uint64_t offset, std::span<std::byte> data) override {
        last = offset;
        std::memset(data.data(), 0x11, data.size());
    }
    void write(uint64_t offset, std::span<const std::byte> data) override {
        last = offset;
        written = data.size();
    }
    uint64_t last = ~0ULL;
    size_t written = 0;
};

TEST(Bus, WhoStandsThereAnswers) {
    FakeRegisters first, second;
    vmm::Bus bus;
    bus.add(0x1000, 0x100, first);
    bus.add(0x1100, 0x100, second);
    std::array<std::byte, 4> data{};
    bus.read(0x1100, data);
    EXPECT_EQ(second.last, 0U);
    EXPECT_EQ(data[3], std::byte{0x11});
    bus.write(0x10ff, data);
    EXPECT_EQ(first.last, 0xffU);
    EXPECT_EQ(first.written, 4U);
}

TEST(Bus, SaysWhoseAnAccessWas) {
    FakeRegisters first, second;
    vmm::Bus bus;
    bus.add(0x1000, 0x100, first, "first");
    bus.add(0x1100, 0x100, second, "second");
    std::array<std::byte, 4> data{};
    EXPECT_EQ(bus.read(0x1100, data), 1U);
    EXPECT_EQ(bus.write(0x1000, data), 0U);
    EXPECT_EQ(bus.read(0x1200, data), bus.size());
    EXPECT_EQ(bus.write(0xfff, data), bus.size());
    EXPECT_EQ(bus.name(1), "second");
}

TEST(Bus, WhereNobodyIsAllBitsAreSet) {
    FakeRegisters only;
    vmm::Bus bus;
    bus.add(0x1000, 0x100, only);
    for (const uint64_t address : {uint64_t{0}, uint64_t{0xfff}, uint64_t{0x1100}, UINT64_MAX}) {
        std::array<std::byte, 8> data{};
        bus.read(address, data);
        bus.write(address, data);
        EXPECT_EQ(data[0], std::byte{0xff});
        EXPECT_EQ(data[7], std::byte{0xff});
    }
    EXPECT_EQ(only.last, ~0ULL);
}

}  // namespace
}  // namespace eremite::test
