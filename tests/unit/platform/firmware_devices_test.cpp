#include "libos/platform/firmware_devices.hpp"

#include <gtest/gtest.h>

#include "acpi_tables.hpp"

namespace eremite::test {
namespace {

using platform::VirtioMmioDevice;

Octets join(std::initializer_list<Octets> parts) {
    Octets all;
    for (const Octets& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}
Octets text(std::string_view t) { return {t.begin(), t.end()}; }
template <typename T>
Octets number(T value) {
    Octets bytes;
    put(bytes, 0, value);
    return bytes;
}

// Name (_CRS, Buffer {resources}) as compilers write it.
Octets current_resources(const Octets& resources) {
    const auto size = static_cast<uint8_t>(resources.size());
    return join({{0x08}, text("_CRS"), {0x11, static_cast<uint8_t>(size + 3), 0x0a, size}, resources});
}
Octets memory32(uint32_t address, uint32_t size) { return join({{0x86, 9, 0, 1}, number(address), number(size)}); }
Octets memory64(uint64_t address, uint64_t size) {
    return join({{0x8a, 43, 0, 0, 0x0c, 1}, number(uint64_t{0}), number(address), number(address + size - 1), number(uint64_t{0}), number(size)});
}
Octets interrupt(uint32_t line) { return join({{0x89, 6, 0, 1, 1}, number(line)}); }
const Octets end_tag{0x79, 0};

Octets virtio_device(const Octets& resources) {
    return join({{0x5b, 0x82, 0x42, 0x04}, text("VR00"), {0x08}, text("_HID"), {0x0d}, text("LNRO0005"), {0}, {0x08}, text("_UID"), {0x0a, 7}, current_resources(resources)});
}
Octets window32(uint32_t start, uint32_t last, uint32_t length) {
    return join({{0x87, 0x17, 0, 0, 0x0c, 1}, number(uint32_t{0}), number(start), number(last), number(uint32_t{0}), number(length)});
}

struct FirmwareDevicesTest : ::testing::Test {
    Firmware firmware;
    platform::FlatMemoryView view{firmware.memory().data(), firmware.memory().size()};

    void add_tables(const Octets& definition_block, std::initializer_list<Octets> others = {}) {
        const uint64_t dsdt = firmware.add(make_table("DSDT", definition_block));
        std::vector<uint64_t> tables{firmware.add(Fadt{}.with(40, static_cast<uint32_t>(dsdt)).table())};
        for (const Octets& table : others) tables.push_back(firmware.add(table));
        firmware.add_root(tables);
    }
    std::vector<VirtioMmioDevice> virtio_devices() {
        platform::VirtioMmioDevices found;
        find_virtio_mmio_devices(PhysicalAddress{Firmware::root}, view, found);
        return {found.devices, found.devices + found.count};
    }
    platform::PciHost pci_host() { return find_pci_host(PhysicalAddress{Firmware::root}, view); }
};

constexpr VirtioMmioDevice device(uint64_t start, uint64_t size, uint32_t line) { return {{{start}, {start + size}}, line}; }

TEST_F(FirmwareDevicesTest, VirtioDevices) {
    add_tables(join({text("something"), virtio_device(join({memory32(0xfeb02e00, 512), interrupt(47), end_tag})),
                     virtio_device(join({memory32(0xfeb02c00, 512), interrupt(46), end_tag}))}));
    EXPECT_EQ(virtio_devices(), (std::vector{device(0xfeb02e00, 512, 47), device(0xfeb02c00, 512, 46)}));
}

TEST_F(FirmwareDevicesTest, WideAddressesAndAnyOrder) {
    add_tables(virtio_device(join({interrupt(5), {0x22, 1, 0}, memory64(0x4000001000, 4096), end_tag})));
    EXPECT_EQ(virtio_devices(), (std::vector{device(0x4000001000, 4096, 5)}));
}

TEST_F(FirmwareDevicesTest, VirtioDeviceOfAnotherForm) {
    add_tables(join({virtio_device(join({memory32(0xfeb00000, 512), end_tag})),                       // no interrupt
                     virtio_device(join({interrupt(5), end_tag})),                                    // no registers
                     virtio_device(join({memory32(0xfeb00000, 16), interrupt(5), end_tag})),          // too few
                     virtio_device(join({memory32(0xffffff00, 0xffffffff), interrupt(5), end_tag})),  // too many
                     virtio_device(join({memory32(0, 512), interrupt(5), end_tag})),
                     virtio_device({0x86, 0xff, 0xff, 1}),  // a descriptor longer than its buffer
                     text("LNRO0005"), text("LNRO0005_CRS"), text("LNRO0005_CRS\x11")}));
    EXPECT_TRUE(virtio_devices().empty());
}

TEST_F(FirmwareDevicesTest, NoMoreDevicesThanThereIsRoomFor) {
    Octets all;
    for (uint32_t i = 0; i < 50; ++i) all = join({all, virtio_device(join({memory32(0xfeb00000 + 512 * i, 512), interrupt(i), end_tag}))});
    add_tables(all);
    EXPECT_EQ(virtio_devices().size(), platform::VirtioMmioDevices::most);
}

TEST_F(FirmwareDevicesTest, NothingWithoutTables) {
    EXPECT_TRUE(virtio_devices().empty());
    EXPECT_EQ(pci_host().configuration.value, 0U);
    EXPECT_TRUE(pci_host().window.empty());
    EXPECT_EQ(find_io_apics(PhysicalAddress{Firmware::root}, view).count, 0U);
}

TEST(VirtioAnnouncement, WhatMonitorsWrite) {
    const auto parse = platform::parse_virtio_mmio_announcement;
    EXPECT_EQ(parse("512@0xfeb00e00:12"), device(0xfeb00e00, 512, 12));
    EXPECT_EQ(parse("4K@0xd0000000:5"), device(0xd0000000, 4096, 5));
    EXPECT_EQ(parse("0x200@3489660928:0x30:7"), device(0xd0000000, 512, 48));
    for (const char* malformed : {"", "512", "512@", "512@0x", "512@0xd0000000", "512@0xd0000000:", "512@0xd0000000:5x", "512@0xd0000000:5:", "K@0xd0000000:5",
                                  "16@0xd0000000:5", "1048576K@0xd0000000:5", "18446744073709551616@0xd0000000:5", "4K@0xffffffffffffffff:5", "4K@0:5",
                                  "512@0xd0000000:4294967296", "-1@0xd0000000:5"})
        EXPECT_FALSE(parse(malformed)) << malformed;
}

TEST_F(FirmwareDevicesTest, PciHostOfAPc) {
    Octets mcfg(8);
    mcfg = join({mcfg, number(uint64_t{0xb0000000}), number(uint16_t{0}), {0, 255}, number(uint32_t{0})});
    add_tables(join({window32(0xa0000, 0xbffff, 0x20000), window32(0x80000000, 0xafffffff, 0x30000000), window32(0xc0000000, 0xfebfffff, 0x3ec00000), end_tag}),
               {make_table("MCFG", mcfg)});
    EXPECT_EQ(pci_host().configuration.value, 0xb0000000U);
    EXPECT_EQ(pci_host().last_bus, 255);
    EXPECT_EQ(pci_host().window, (PhysicalRange{{0xc0000000}, {0xfec00000}}));
}

TEST_F(FirmwareDevicesTest, PciHostOfMicrovm) {
    // Method (_CBA) {Return (0xe0000000)}
    add_tables(join({{0x14, 0x0c}, text("_CBA"), {0, 0xa4, 0x0c}, number(uint32_t{0xe0000000}), window32(0xc0000000, 0xdfffffff, 0x20000000)}));
    EXPECT_EQ(pci_host().configuration.value, 0xe0000000U);
    EXPECT_EQ(pci_host().window, (PhysicalRange{{0xc0000000}, {0xe0000000}}));
}

TEST_F(FirmwareDevicesTest, PciHostOutOfOrder) {
    Octets mcfg(8);
    mcfg = join({mcfg, number(uint64_t{0xb0000001}), number(uint16_t{0}), {0, 255}, number(uint32_t{0}), {1, 2, 3}});
    add_tables(join({window32(0xc0000000, 0xc0000fff, 0x1000),     // small
                     window32(0xd0000000, 0xc0000000, 0xf0000001),  // backwards
                     window32(0xc0000000, 0xdfffffff, 0x1000), window32(0xc0000800, 0xdfffffff, 0x1ffff800), {0x87, 0x17, 0, 0, 1}, text("_CBA")}),
               {make_table("MCFG", mcfg)});
    EXPECT_EQ(pci_host().configuration.value, 0U);
    EXPECT_TRUE(pci_host().window.empty());
}

TEST_F(FirmwareDevicesTest, IoApics) {
    const auto entry = [](uint32_t address, uint32_t line) { return join({{1, 12, 0, 0}, number(address), number(line)}); };
    const Octets processor{0, 8, 0, 0, 1, 0, 0, 0};
    firmware.add_root({firmware.add(make_table("APIC", join({Octets(8), processor, entry(0xfec00000, 0), entry(0, 7), entry(0xfec10000, 24), {1, 12, 0}})))});
    const auto found = find_io_apics(PhysicalAddress{Firmware::root}, view);
    ASSERT_EQ(found.count, 2U);
    EXPECT_EQ(found.controllers[0].registers.value, 0xfec00000U);
    EXPECT_EQ(found.controllers[1].registers.value, 0xfec10000U);
    EXPECT_EQ(found.controllers[1].first_line, 24U);
}

}  // namespace
}  // namespace eremite::test
