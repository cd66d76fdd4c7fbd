#include "libos/platform/acpi.hpp"

#include <gtest/gtest.h>

#include "acpi_tables.hpp"
#include "ports.hpp"

namespace eremite::test {
namespace {

using platform::acpi_power_off;
using platform::PowerOffMethod;
using Kind = PowerOffMethod::Kind;

constexpr size_t at_dsdt = 40, at_smi_command = 48, at_acpi_enable = 52, at_pm1a = 64, at_pm1b = 68, at_flags = 112, at_x_dsdt = 140,
                 at_x_pm1a = 172, at_sleep_control = 244;
constexpr uint32_t hardware_reduced = 1 << 20;
const Octets five_five{0x0a, 5, 0x0a, 5, 0, 0};

// A machine as QEMU's q35 is: RSDT, FADT of revision 3, \_S5 all zeros.
struct Q35 : Firmware {
    Octets code = soft_off({0, 0, 0, 0});
    Fadt fadt{244};
    bool extended = false;
    std::optional<PowerOffMethod> find() {
        fadt.with(at_dsdt, static_cast<uint32_t>(add(make_table("DSDT", code))));
        const uint64_t other = add(make_table("APIC", Octets(40)));
        const uint64_t table = add(fadt.table());
        if (extended) add_extended_root({other, table});
        else add_root({other, table});
        return Firmware::find();
    }
    Q35() { fadt.with(at_pm1a, uint32_t{0x604}); }
};

TEST(AcpiFind, PlainMachine) {
    Q35 machine;
    const auto method = machine.find();
    ASSERT_TRUE(method);
    EXPECT_EQ(method->kind, Kind::Pm1Control);
    EXPECT_EQ(method->pm1a, 0x604);
    EXPECT_EQ(method->pm1b, 0);
    EXPECT_EQ(method->sleep_type_a, 0);
    EXPECT_EQ(method->sleep_type_b, 0);
    EXPECT_EQ(method->smi_command, 0);
}

TEST(AcpiFind, ExtendedRootSecondBlockAndHandOver) {
    Q35 machine;
    machine.extended = true;
    machine.code = Octets(1000, 0xa5);
    const Octets name = soft_off({0x0a, 7, 0x01, 0x00, 0x00}, 4, true);
    machine.code.insert(machine.code.begin() + 777, name.begin(), name.end());
    machine.fadt.with(at_pm1b, uint32_t{0x704}).with(at_smi_command, uint32_t{0xb2}).with(at_acpi_enable, uint8_t{2});
    const auto method = machine.find();
    ASSERT_TRUE(method);
    EXPECT_EQ(method->pm1b, 0x704);
    EXPECT_EQ(method->sleep_type_a, 7);
    EXPECT_EQ(method->sleep_type_b, 1);
    EXPECT_EQ(method->smi_command, 0xb2);
    EXPECT_EQ(method->acpi_enable, 2);
}

TEST(AcpiFind, ExtendedRegisterCounts) {
    Q35 machine;
    machine.fadt.with_address(at_x_pm1a, 1, 0x404);
    EXPECT_EQ(machine.find()->pm1a, 0x404);
    Q35 in_memory;
    in_memory.fadt.with_address(at_x_pm1a, 0, 0xfed00000);
    EXPECT_FALSE(in_memory.find());
    Q35 beyond_ports;
    beyond_ports.fadt.with_address(at_x_pm1a, 1, 0x10404);
    EXPECT_FALSE(beyond_ports.find());
}

TEST(AcpiFind, ExtendedDefinitionBlockCounts) {
    Q35 machine;
    machine.code.clear();
    machine.fadt.with(at_x_dsdt, machine.add(make_table("DSDT", soft_off(five_five))));
    EXPECT_EQ(machine.find()->sleep_type_a, 5);
}

TEST(AcpiFind, SoftOffInASecondaryBlock) {
    Firmware machine;
    const uint64_t dsdt = machine.add(make_table("DSDT", Octets(100)));
    const uint64_t fadt = machine.add(Fadt{116}.with(at_dsdt, static_cast<uint32_t>(dsdt)).with(at_pm1a, uint32_t{0xb004}).table());
    const uint64_t first = machine.add(make_table("SSDT", Octets(50)));
    const uint64_t second = machine.add(make_table("SSDT", soft_off(five_five)));
    machine.add_root({first, fadt, second});
    const auto method = machine.find();
    ASSERT_TRUE(method);
    EXPECT_EQ(method->pm1a, 0xb004);
    EXPECT_EQ(method->sleep_type_b, 5);
}

TEST(AcpiFind, HardwareReducedPort) {
    Q35 machine;
    machine.fadt = Fadt{276};
    machine.fadt.with(at_flags, hardware_reduced).with_address(at_sleep_control, 1, 0x600);
    machine.code = soft_off(five_five);
    const auto method = machine.find();
    ASSERT_TRUE(method);
    EXPECT_EQ(method->kind, Kind::SleepControlPort);
    EXPECT_EQ(method->sleep_port, 0x600);
    EXPECT_EQ(method->sleep_control(), 0x34);
}

TEST(AcpiFind, HardwareReducedMemory) {
    Q35 machine;
    machine.fadt = Fadt{276};
    machine.fadt.with(at_flags, hardware_reduced).with_address(at_sleep_control, 0, 0xfea00000);
    const auto method = machine.find();
    ASSERT_TRUE(method);
    EXPECT_EQ(method->kind, Kind::SleepControlMemory);
    EXPECT_EQ(method->sleep_register, PhysicalAddress{0xfea00000});
    EXPECT_EQ(method->sleep_control(), 0x20);
}

TEST(AcpiFind, HardwareReducedWithoutRegister) {
    Q35 machine;
    machine.fadt = Fadt{276};
    machine.fadt.with(at_flags, hardware_reduced);
    EXPECT_FALSE(machine.find());
    Q35 older;
    older.fadt.with(at_flags, hardware_reduced);
    EXPECT_FALSE(older.find());
}

TEST(AcpiFind, NoTables) {
    Firmware machine;
    EXPECT_FALSE(machine.find());
    EXPECT_FALSE(machine.find(0));
    EXPECT_FALSE(machine.find(Firmware::memory_size));
    EXPECT_FALSE(machine.find(Firmware::memory_size - 4));
    EXPECT_FALSE(machine.find(~uint64_t{0}));
    machine.add_root({});
    EXPECT_FALSE(machine.find());
    machine.add_root({0, 0xfffffff0, Firmware::memory_size - 2});
    EXPECT_FALSE(machine.find());
}

// Every byte of the tables is under a checksum.
TEST(AcpiFind, AnyDamagedByteIsNoticed) {
    for (const bool extended : {false, true}) {
        Q35 machine;
        machine.extended = extended;
        const auto whole = machine.find();
        ASSERT_TRUE(whole);
        const Octets intact = machine.memory();
        for (uint64_t at = 0; at < intact.size(); ++at) {
            if (intact[at] == 0) continue;
            machine.memory()[at] ^= 0x10;
            const auto damaged = machine.Firmware::find();
            // The table that is not ours may be broken; the FADT's address must not lead elsewhere.
            EXPECT_EQ(damaged.value_or(*whole), *whole) << at;
            machine.memory()[at] = intact[at];
        }
    }
}

TEST(AcpiFind, TableLengths) {
    for (const uint32_t length : {0u, 35u, 0x200000u, 0x7fffffffu, 0xffffffffu}) {
        Q35 machine;
        ASSERT_TRUE(machine.find());
        // Wherever a table stands, its length is what the header says, whatever the checksum.
        Octets table = machine.fadt.table();
        put(table, 4, length);
        fix_checksum(table, 9);
        machine.add_root({machine.add(table)});
        EXPECT_FALSE(machine.Firmware::find()) << length;
    }
}

TEST(AcpiFind, TruncatedFadt) {
    for (size_t size = 36; size < 132; ++size) {
        Firmware machine;
        const uint64_t dsdt = machine.add(make_table("DSDT", soft_off(five_five)));
        Octets body = Fadt{244}.with(at_dsdt, static_cast<uint32_t>(dsdt)).with(at_pm1a, uint32_t{0x604}).body;
        body.resize(size - 36);
        machine.add_root({machine.add(make_table("FACP", body))});
        EXPECT_EQ(machine.find().has_value(), size >= at_pm1a + 4) << size;
    }
}

struct PackageCase {
    const char* name;
    Octets code;
    int a, b;  // -1: not accepted
};

class AcpiPackage : public testing::TestWithParam<PackageCase> {};

TEST_P(AcpiPackage, Parses) {
    Q35 machine;
    machine.code = GetParam().code;
    const auto method = machine.find();
    ASSERT_EQ(method.has_value(), GetParam().a >= 0);
    if (!method) return;
    EXPECT_EQ(method->sleep_type_a, GetParam().a);
    EXPECT_EQ(method->sleep_type_b, GetParam().b);
}

Octets raw(std::string_view text, const Octets& rest) {
    Octets code(text.begin(), text.end());
    code.insert(code.end(), rest.begin(), rest.end());
    return code;
}

INSTANTIATE_TEST_SUITE_P(
    Forms, AcpiPackage,
    testing::Values(PackageCase{"Words", soft_off({0x0b, 5, 0, 0x0c, 6, 0, 0, 0}, 2), 5, 6},
                    PackageCase{"Quadword", soft_off({0x0e, 3, 0, 0, 0, 0, 0, 0, 0, 1}, 2), 3, 1}, PackageCase{"OneElement", soft_off({0x0a, 5}, 1), 5, 5},
                    PackageCase{"TwoByteLength", raw("\x08_S5_", {0x12, 0x46, 0x00, 2, 0x0a, 5, 1}), 5, 1},
                    PackageCase{"FourByteLength", raw("\x08_S5_", {0x12, 0xc8, 0x00, 0x00, 0x00, 2, 0x0a, 5, 1}), 5, 1},
                    PackageCase{"NoElement", soft_off({}, 0), -1, -1}, PackageCase{"TooLarge", soft_off({0x0a, 8, 0}, 2), -1, -1},
                    PackageCase{"AllOnes", soft_off({0xff, 0xff}, 2), -1, -1}, PackageCase{"NotANumber", soft_off({'X', 'Y', 'Z', '0'}, 2), -1, -1},
                    PackageCase{"NotNamed", raw("_S5_", {0x12, 4, 2, 0, 0}), -1, -1},
                    PackageCase{"WrongNameFirst", raw("\x10_S5_", {0x08, '_', 'S', '5', '_', 0x12, 4, 2, 1, 1}), 1, 1},
                    PackageCase{"BadPackageFirst", raw("\x08_S5_", {0x11, 0x08, '_', 'S', '5', '_', 0x12, 4, 2, 1, 1}), 1, 1},
                    PackageCase{"LengthBeyondTheEnd", raw("\x08_S5_", {0x12, 20, 2, 1, 1}), -1, -1},
                    PackageCase{"LengthWithoutElements", raw("\x08_S5_", {0x12, 1, 2, 1, 1}), -1, -1},
                    PackageCase{"LengthZero", raw("\x08_S5_", {0x12, 0, 2, 1, 1}), -1, -1},
                    PackageCase{"LengthCutOff", raw("\x08_S5_", {0x12, 0xc0}), -1, -1}, PackageCase{"NothingBehindTheName", raw("\x08_S5_", {}), -1, -1},
                    PackageCase{"ElementsEndEarly", raw("\x08_S5_", {0x12, 4, 4, 0x0c, 5, 0, 0, 0, 0}), -1, -1}),
    [](const auto& info) { return info.param.name; });

TEST(AcpiPowerOff, WritesBothRegistersAndKeepsTheirBits) {
    Ports ports;
    // Bit 9 and SCI_EN stay; SLP_TYP of an earlier sleep goes.
    ports[0x604].in = [](unsigned width) { return width == 2 ? 0x1e01u : 0u; };
    ports[0x704].in = [](unsigned) { return 0x0001u; };
    acpi_power_off({.sleep_type_a = 5, .sleep_type_b = 6, .pm1a = 0x604, .pm1b = 0x704});
    const std::vector<Ports::Write> expected{{0x604, 2, 0x0201 | 5 << 10 | 1 << 13}, {0x704, 2, 0x0001 | 6 << 10 | 1 << 13}};
    EXPECT_EQ(ports.writes(), expected);
}

TEST(AcpiPowerOff, AsksFirmwareForTheRegisters) {
    Ports ports;
    int reads_left = 3;
    bool asked = false;
    ports[0x604].in = [&](unsigned) { return asked && --reads_left <= 0 ? 1u : 0u; };
    ports[0xb2].out = [&](unsigned width, uint32_t value) {
        EXPECT_EQ(width, 1u);
        EXPECT_EQ(value, 0xf1u);
        asked = true;
    };
    acpi_power_off({.acpi_enable = 0xf1, .smi_command = 0xb2, .pm1a = 0x604});
    ASSERT_EQ(ports.writes().size(), 2u);
    EXPECT_EQ(ports.writes()[0].port, 0xb2);
    EXPECT_EQ(ports.writes()[1], (Ports::Write{0x604, 2, 0x2001}));
    EXPECT_LE(reads_left, 0);
}

TEST(AcpiPowerOff, FirmwareThatNeverAnswersIsNotWaitedForForever) {
    Ports ports;
    ports[0x604].in = [](unsigned) { return 0u; };
    acpi_power_off({.acpi_enable = 1, .smi_command = 0xb2, .pm1a = 0x604});
    EXPECT_EQ(ports.writes().back(), (Ports::Write{0x604, 2, 0x2000}));
    EXPECT_LT(ports.reads(), 100'000u);
}

TEST(AcpiPowerOff, SleepControl) {
    Ports ports;
    acpi_power_off({.kind = Kind::SleepControlMemory, .sleep_type_a = 5, .sleep_register = {0xfea00000}});
    EXPECT_TRUE(ports.writes().empty());
    acpi_power_off({.kind = Kind::SleepControlPort, .sleep_type_a = 5, .sleep_port = 0x600});
    EXPECT_EQ(ports.writes(), (std::vector<Ports::Write>{{0x600, 1, 0x34}}));
}

}  // namespace
}  // namespace eremite::test
