#include <gtest/gtest.h>

#include <vector>

#include "fake_configuration.hpp"
#include "libos/drivers/pci/bus.hpp"

namespace eremite::test {
namespace {

using drivers::pci::Bar;
using drivers::pci::Function;
using drivers::pci::Location;

struct Found final : drivers::pci::Visitor {
    void found(const Function& function) override { all.push_back(function.location()); }
    std::vector<Location> all;
};

struct PciTest : ::testing::Test {
    FakeConfiguration machine;
    std::vector<Location> enumerate() {
        Found found;
        for_each_function(machine, found);
        return found.all;
    }
    FakeFunction& add(uint8_t bus, uint8_t device, uint8_t function = 0) { return machine.add(bus, device, function).identity(0x1af4, 0x1041); }
    void add_bridge(uint8_t bus, uint8_t device, uint8_t secondary) {
        add(bus, device).with<uint8_t>(PCI_HEADER_TYPE, PCI_HEADER_TYPE_BRIDGE).with<uint8_t>(PCI_SECONDARY_BUS, secondary);
    }
};

TEST_F(PciTest, FunctionsOfABus) {
    EXPECT_TRUE(enumerate().empty());
    add(0, 0);
    add(0, 31);
    add(0, 3).with<uint8_t>(PCI_HEADER_TYPE, 0x80);
    add(0, 3, 2);
    add(0, 3, 7);
    add(0, 4);
    add(0, 4, 1);  // its function 0 says that there is only one
    add(0, 5, 1);  // there is no function 0
    EXPECT_EQ(enumerate(), (std::vector<Location>{{0, 0, 0}, {0, 3, 0}, {0, 3, 2}, {0, 3, 7}, {0, 4, 0}, {0, 31, 0}}));
}

TEST_F(PciTest, BehindBridges) {
    add_bridge(0, 1, 1);
    add_bridge(1, 0, 2);
    add(2, 5);
    add_bridge(0, 2, 0);  // not set up
    EXPECT_EQ(enumerate(), (std::vector<Location>{{0, 1, 0}, {0, 2, 0}, {1, 0, 0}, {2, 5, 0}}));
}

TEST_F(PciTest, BridgesInACircle) {
    add_bridge(0, 1, 1);
    add_bridge(1, 0, 2);
    add_bridge(2, 0, 1);
    add_bridge(2, 1, 2);
    EXPECT_EQ(enumerate().size(), 4U);
}

TEST_F(PciTest, EveryFunctionIsABridge) {
    for (unsigned i = 0; i < 32; ++i) add_bridge(0, static_cast<uint8_t>(i), static_cast<uint8_t>(8 * i + 1));
    for (unsigned bus = 1; bus < 256; ++bus) add_bridge(static_cast<uint8_t>(bus), 0, static_cast<uint8_t>(bus + 1));
    EXPECT_EQ(enumerate().size(), 32U + 255U);
}

struct FunctionTest : PciTest {
    FakeFunction& fake = add(0, 1);
    Function function{machine, {0, 1, 0}};
    std::vector<uint8_t> capabilities(uint8_t kind) {
        std::vector<uint8_t> found;
        EXPECT_FALSE(function.any_capability(kind, [&](uint8_t at) {
            found.push_back(at);
            return false;
        }));
        return found;
    }
};

TEST_F(FunctionTest, Bars) {
    fake.with<uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    fake.bar(0, 0xc041, 0xffe0).bar(1, 0xfe601000, 0xfffff000).bar(2, 0xfea0000c, 0xffffc000).bar(3, 0x7, 0xffffffff).bar(5, 0x20, 0);
    auto bar = function.bar(0);
    ASSERT_TRUE(bar);
    EXPECT_TRUE(bar->io);
    EXPECT_EQ(bar->address, 0xc040U);
    EXPECT_EQ(bar->size, 0x20U);
    bar = function.bar(1);
    ASSERT_TRUE(bar);
    EXPECT_FALSE(bar->io || bar->wide);
    EXPECT_EQ(bar->address, 0xfe601000U);
    EXPECT_EQ(bar->size, 0x1000U);
    bar = function.bar(2);
    ASSERT_TRUE(bar);
    EXPECT_TRUE(bar->wide);
    EXPECT_EQ(bar->address, 0x7fea00000U);
    EXPECT_EQ(bar->size, 0x4000U);
    EXPECT_FALSE(function.bar(4));
    EXPECT_FALSE(function.bar(6));
    EXPECT_FALSE(function.bar(255));
    EXPECT_EQ(machine.changed_while_decoding, 0);
    EXPECT_EQ(fake.get<uint16_t>(PCI_COMMAND), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    EXPECT_EQ(fake.get<uint32_t>(PCI_BASE_ADDRESS_2), 0xfea0000cU);
}

TEST_F(FunctionTest, BarOfManyGigabytes) {
    fake.bar(0, 0xc, 0).bar(1, 0x40, 0xfffffff0);
    const auto bar = function.bar(0);
    ASSERT_TRUE(bar);
    EXPECT_EQ(bar->size, uint64_t{1} << 36);
    EXPECT_EQ(bar->address, uint64_t{0x40} << 32);
}

TEST_F(FunctionTest, BarsThatCannotBe) {
    fake.bar(0, 0x4, 0).bar(5, 0x4, 0xfffff000).bar(3, 0x1, 0);
    EXPECT_FALSE(function.bar(0)) << "64 bits without a size";
    EXPECT_FALSE(function.bar(3));
    const auto last = function.bar(5);
    ASSERT_TRUE(last);
    EXPECT_FALSE(last->wide) << "nothing follows";
}

TEST_F(FunctionTest, Capabilities) {
    EXPECT_TRUE(capabilities(9).empty());
    fake.capability(0x80, 9).capability(0x40, 0x11).capability(0x98, 9);
    EXPECT_EQ(capabilities(9), (std::vector<uint8_t>{0x98, 0x80}));
    EXPECT_EQ(capabilities(0x11), (std::vector<uint8_t>{0x40}));
    EXPECT_TRUE(function.any_capability(9, [](uint8_t at) { return at == 0x80; }));
    fake.with<uint16_t>(PCI_STATUS, 0);
    EXPECT_TRUE(capabilities(9).empty());
}

TEST_F(FunctionTest, CapabilitiesInACircle) {
    fake.capability(0x80, 9).capability(0x40, 9).with<uint8_t>(0x81, 0x40);
    EXPECT_LE(capabilities(9).size(), 48U);
}

TEST_F(FunctionTest, CapabilityInsideOfTheHeader) {
    fake.capability(0x40, 9).with<uint8_t>(0x41, 0x10);
    EXPECT_EQ(capabilities(9).size(), 1U);
    fake.with<uint8_t>(PCI_CAPABILITY_LIST, 0x43);
    EXPECT_EQ(capabilities(9), (std::vector<uint8_t>{0x40})) << "the low bits are reserved";
}

TEST_F(FunctionTest, AddressesAreAssignedWhereThereAreNone) {
    fake.bar(0, 1, 0xffe0).bar(1, 0, 0xfffff000).bar(2, 0xd0000000, 0xfff00000).bar(4, 0xc, 0xffffc000).bar(5, 0, 0xffffffff);
    fake.with<uint16_t>(PCI_COMMAND, PCI_COMMAND_MASTER);
    drivers::pci::AddressWindow window{{{0xc0000000}, {0xc0008000}}};
    ASSERT_TRUE(assign_addresses(function, window).ok());
    EXPECT_EQ(function.bar(0)->address, 0U);
    EXPECT_EQ(function.bar(1)->address, 0xc0000000U);
    EXPECT_EQ(function.bar(2)->address, 0xd0000000U);
    EXPECT_EQ(function.bar(4)->address, 0xc0004000U);
    EXPECT_TRUE(function.bar(4)->wide);
    EXPECT_EQ(fake.get<uint16_t>(PCI_COMMAND), PCI_COMMAND_MASTER);
    EXPECT_EQ(machine.changed_while_decoding, 0);
    // Again: nothing is left to do.
    ASSERT_TRUE(assign_addresses(function, window).ok());
    add(0, 2).bar(0, 0, 0xfffff000);
    EXPECT_EQ(assign_addresses(Function{machine, {0, 2, 0}}, window).code(), ENOSPC);
}

TEST_F(FunctionTest, AddressesThatOthersHaveAreNotAssigned) {
    fake.bar(0, 0, 0xfffff000);
    add(0, 2).bar(0, 0xc0000000, 0xfffff000).bar(3, 0xc0003000, 0xfffff000);
    // A bridge, whose registers behind the second BAR are something else, and what it passes on.
    add(0, 3).with<uint8_t>(PCI_HEADER_TYPE, PCI_HEADER_TYPE_BRIDGE).with<uint16_t>(PCI_MEMORY_BASE, 0xc010).with<uint16_t>(PCI_MEMORY_LIMIT, 0xc010);
    drivers::pci::AddressWindow window{{{0xc0000000}, {0xc0200000}}};
    EXPECT_TRUE(lacks_addresses(function));
    exclude_assigned(machine, window);
    ASSERT_TRUE(assign_addresses(function, window).ok());
    EXPECT_EQ(function.bar(0)->address, 0xc0004000U);
    EXPECT_FALSE(lacks_addresses(function));
    EXPECT_EQ(window.take(0x100000).code(), ENOSPC);
}

TEST(PciAddressWindow, Exclusion) {
    drivers::pci::AddressWindow window{{{0x10000}, {0x20000}}};
    window.exclude({{0x30000}, {0x40000}});
    window.exclude({{0x1c000}, {0x30000}});
    EXPECT_EQ(window.take(0x1000).value().value, 0x10000U);
    window.exclude({{0}, {0x12000}});
    EXPECT_EQ(window.take(0x1000).value().value, 0x12000U);
    window.exclude({{0}, {~uint64_t{0}}});
    EXPECT_EQ(window.take(1).code(), ENOSPC);
}

TEST(PciAddressWindow, Bounds) {
    drivers::pci::AddressWindow window{{{0x1000}, {0x10000}}};
    EXPECT_EQ(window.take(16).value().value, 0x1000U);
    EXPECT_EQ(window.take(0x8000).value().value, 0x8000U);
    EXPECT_EQ(window.take(1).code(), ENOSPC);
    EXPECT_EQ(drivers::pci::AddressWindow{}.take(1).code(), ENOSPC);
    drivers::pci::AddressWindow end{{{0xfffffffffffff000}, {~uint64_t{0}}}};
    EXPECT_EQ(end.take(uint64_t{1} << 63).code(), ENOSPC);
}

TEST_F(FunctionTest, Enable) {
    fake.with<uint16_t>(PCI_COMMAND, 0x100);
    function.enable();
    EXPECT_EQ(fake.get<uint16_t>(PCI_COMMAND), 0x100 | PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
}

}  // namespace
}  // namespace eremite::test
