// Start info and tables as our kernel reads them.
#include "vmm/boot/start_info.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "libos/platform/firmware_devices.hpp"
#include "libos/platform/processors.hpp"
#include "libos/platform/pvh.hpp"
#include "vmm/boot/acpi.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

constexpr uint64_t mib = uint64_t{1} << 20, gib = uint64_t{1} << 30;

struct StartInfoTest : ::testing::Test {
    platform::MachineDescription machine{};

    // SAFETY: bytes as bytes.
    static const uint8_t* base(const vmm::GuestMemory& memory) { return reinterpret_cast<const uint8_t*>(memory.regions()[0].bytes.data()); }
    int read(const vmm::GuestMemory& memory, const vmm::BootData& data) {
        const uint32_t at = vmm::write_start_info(memory, data);
        return platform::parse_start_info(PhysicalAddress{at}, base(memory), memory.regions()[0].bytes.size(), machine).code();
    }
};

TEST_F(StartInfoTest, WhatTheKernelFinds) {
    const vmm::GuestMemory memory{16 * mib};
    const std::string module = "an archive";
    ASSERT_EQ(read(memory, {.command_line = "log=debug -- one two", .module = std::as_bytes(std::span{module}), .image_end = 3 * mib, .cpus = 3}), 0);
    EXPECT_EQ(machine.arguments(), "log=debug -- one two");
    ASSERT_EQ(machine.memory_count, 2U);
    EXPECT_EQ(machine.memory[0].end.value, 0xa0000U);
    EXPECT_EQ(machine.memory[1].start.value, mib);
    EXPECT_EQ(machine.memory[1].end.value, 16 * mib);
    ASSERT_EQ(machine.module_count, 1U);
    const auto found = memory.piece(machine.modules[0].start.value, module.size());
    ASSERT_EQ(found.size(), module.size());
    EXPECT_EQ(std::memcmp(found.data(), module.data(), module.size()), 0);
    platform::FlatMemoryView view{base(memory), 16 * mib};
    const auto processors = platform::find_processors(machine.acpi_root, view);
    ASSERT_EQ(processors.count, 3U);
    EXPECT_EQ(processors.ids[2], 2U);
    const auto io_apics = platform::find_io_apics(machine.acpi_root, view);
    ASSERT_EQ(io_apics.count, 1U);
}

TEST_F(StartInfoTest, MemoryBeyondTheDevices) {
    const vmm::GuestMemory memory{5 * gib};
    ASSERT_EQ(read(memory, {.command_line = "", .module = {}, .image_end = 2 * mib, .cpus = 1}), 0);
    ASSERT_EQ(machine.memory_count, 3U);
    EXPECT_EQ(machine.memory[1].end.value, 3 * gib);
    EXPECT_EQ(machine.memory[2].start.value, 4 * gib);
    EXPECT_EQ(machine.memory[2].end.value, 6 * gib);
    EXPECT_EQ(machine.module_count, 0U);
}

TEST_F(StartInfoTest, WhatDoesNotFitIsRefused) {
    EXPECT_THROW((void)vmm::write_start_info(vmm::GuestMemory{mib}, {}), vmm::Error);
    const vmm::GuestMemory memory{4 * mib};
    const std::string module(3 * mib, 'x');
    EXPECT_THROW((void)vmm::write_start_info(memory, {.command_line = "", .module = std::as_bytes(std::span{module}), .image_end = 2 * mib, .cpus = 1}), vmm::Error);
    EXPECT_THROW((void)vmm::write_start_info(memory, {.command_line = std::string(mib, 'x'), .module = {}, .image_end = 2 * mib, .cpus = 1}), vmm::Error);
}

TEST_F(StartInfoTest, TablesOfManyProcessorsFit) {
    const vmm::GuestMemory memory{4 * mib};
    platform::FlatMemoryView view{base(memory), 4 * mib};
    EXPECT_EQ(platform::find_processors(PhysicalAddress{vmm::write_acpi_tables(memory, 64)}, view).count, 64U);
}

}  // namespace
}  // namespace eremite::test
