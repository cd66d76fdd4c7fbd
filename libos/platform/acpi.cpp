#include "libos/platform/acpi.hpp"

#include <algorithm>
#include <string_view>

#include "libos/arch/supervisor.hpp"
#include "libos/platform/acpi_tables.hpp"
#include "libos/platform/aml_reader.hpp"

namespace eremite::platform {

namespace {

struct SleepTypes {
    uint8_t a, b;
};

// The package behind the name \_S5_ (section 7.4.2): SLP_TYP for PM1a, SLP_TYP for PM1b, two reserved elements.
std::optional<SleepTypes> read_soft_off_package(Bytes code) {
    constexpr uint8_t package_op = 0x12;
    AmlReader reader{code};
    if (reader.byte() != package_op) return std::nullopt;
    auto package = reader.package();
    const auto count = package ? package->byte() : std::nullopt;
    if (!count || *count == 0) return std::nullopt;
    const auto a = package->integer();
    const auto b = *count > 1 ? package->integer() : a;
    if (!a || !b || *a > 7 || *b > 7) return std::nullopt;
    return SleepTypes{static_cast<uint8_t>(*a), static_cast<uint8_t>(*b)};
}

// Finds `Name (\_S5_, Package ...)`. The object is of fixed form and stands in no method, so that its bytes can be searched
// for; a match by accident in other data does not parse as such a package.
std::optional<SleepTypes> find_soft_off(Bytes code) {
    constexpr uint8_t name_op = 0x08, root_prefix = '\\';
    constexpr std::string_view name = "_S5_";
    for (auto at = code.begin();; ++at) {
        at = std::search(at, code.end(), name.begin(), name.end());
        if (at == code.end()) return std::nullopt;
        const auto before = static_cast<size_t>(at - code.begin());
        const bool named = before >= 1 && code[before - 1] == name_op;
        const bool named_from_root = before >= 2 && code[before - 1] == root_prefix && code[before - 2] == name_op;
        if (!named && !named_from_root) continue;
        if (const auto types = read_soft_off_package(code.subspan(before + name.size()))) return types;
    }
}

// Offsets in the FADT (section 5.2.9).
namespace fadt {
constexpr size_t smi_command = 48, acpi_enable = 52, pm1a_control = 64, pm1b_control = 68, flags = 112, x_pm1a_control = 172, x_pm1b_control = 184,
                 sleep_control = 244;
constexpr uint32_t hardware_reduced = 1 << 20;
}  // namespace fadt

// The generic address structure (section 5.2.3.2).
struct GenericAddress {
    static constexpr uint8_t system_memory = 0, system_io = 1;
    uint8_t space;
    uint64_t address;
    [[nodiscard]] bool is_port() const { return space == system_io && address != 0 && address <= UINT16_MAX; }
};

GenericAddress read_address(Bytes table, size_t offset) { return {field<uint8_t>(table, offset), field<uint64_t>(table, offset + 4)}; }

// The extended field counts where it is filled. 0: no such register, or none that is an I/O port.
uint16_t read_port(Bytes table, size_t offset, size_t extended_offset) {
    const GenericAddress extended = read_address(table, extended_offset);
    if (extended.address != 0) return extended.is_port() ? static_cast<uint16_t>(extended.address) : uint16_t{0};
    const auto port = field<uint32_t>(table, offset);
    return port <= UINT16_MAX ? static_cast<uint16_t>(port) : uint16_t{0};
}

// The registers, without the sleep types.
std::optional<PowerOffMethod> read_registers(Bytes table) {
    PowerOffMethod method;
    if (field<uint32_t>(table, fadt::flags) & fadt::hardware_reduced) {
        const GenericAddress control = read_address(table, fadt::sleep_control);
        if (control.is_port()) {
            method.kind = PowerOffMethod::Kind::SleepControlPort;
            method.sleep_port = static_cast<uint16_t>(control.address);
            return method;
        }
        if (control.space != GenericAddress::system_memory || control.address == 0) return std::nullopt;
        method.kind = PowerOffMethod::Kind::SleepControlMemory;
        method.sleep_register = PhysicalAddress{control.address};
        return method;
    }
    method.pm1a = read_port(table, fadt::pm1a_control, fadt::x_pm1a_control);
    method.pm1b = read_port(table, fadt::pm1b_control, fadt::x_pm1b_control);
    if (method.pm1a == 0) return std::nullopt;
    const auto smi_command = field<uint32_t>(table, fadt::smi_command);
    const auto acpi_enable = field<uint8_t>(table, fadt::acpi_enable);
    if (smi_command <= UINT16_MAX && acpi_enable != 0) {
        method.smi_command = static_cast<uint16_t>(smi_command);
        method.acpi_enable = acpi_enable;
    }
    return method;
}

constexpr uint32_t sci_enabled = 1 << 0, sleep_enable = 1 << 13;
constexpr unsigned sleep_type_shift = 10;

// Firmware that still owns the PM1 registers is asked for them (section 16.3.1). It answers within milliseconds.
void enable_acpi_mode(const PowerOffMethod& method) {
    if (method.smi_command == 0 || (arch::port_in(method.pm1a, 2) & sci_enabled)) return;
    arch::port_out(method.smi_command, 1, method.acpi_enable);
    constexpr unsigned patience = 10'000;
    for (unsigned i = 0; i < patience && !(arch::port_in(method.pm1a, 2) & sci_enabled); ++i) __builtin_ia32_pause();
}

void write_pm1(uint16_t port, uint8_t sleep_type) {
    constexpr uint32_t sleep_type_mask = 7u << sleep_type_shift;
    const uint32_t kept = arch::port_in(port, 2) & 0xffff & ~(sleep_type_mask | sleep_enable);
    arch::port_out(port, 2, kept | uint32_t{sleep_type} << sleep_type_shift | sleep_enable);
}

}  // namespace

std::optional<PowerOffMethod> find_acpi_power_off(PhysicalAddress rsdp, MemoryView& memory) {
    const auto tables = read_acpi_root(memory, rsdp);
    if (!tables) return std::nullopt;
    std::optional<PowerOffMethod> method;
    tables->any(memory, "FACP", [&](Bytes table) {
        method = read_registers(table);
        return true;
    });
    if (!method) return std::nullopt;
    std::optional<SleepTypes> types;
    tables->any_definition_block(memory, [&](Bytes block) { return (types = find_soft_off(block)).has_value(); });
    if (!types) return std::nullopt;
    method->sleep_type_a = types->a;
    method->sleep_type_b = types->b;
    return method;
}

void acpi_power_off(const PowerOffMethod& method) {
    switch (method.kind) {
    case PowerOffMethod::Kind::Pm1Control:
        enable_acpi_mode(method);
        write_pm1(method.pm1a, method.sleep_type_a);
        if (method.pm1b != 0) write_pm1(method.pm1b, method.sleep_type_b);
        return;
    case PowerOffMethod::Kind::SleepControlPort: arch::port_out(method.sleep_port, 1, method.sleep_control()); return;
    case PowerOffMethod::Kind::SleepControlMemory: return;
    }
}

}  // namespace eremite::platform
