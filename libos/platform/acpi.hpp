#pragma once
// Power-off by ACPI (Advanced Configuration and Power Interface 6.5). Of the whole standard this reads what is needed to
// switch a machine off: RSDP, RSDT or XSDT, FADT, and the package \_S5_ of the definition blocks, without an interpreter.
// Firmware's tables are foreign data: lengths, bounds and checksums are checked, and a machine whose tables are not in
// order has no power-off by ACPI.
#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "libos/platform/memory_view.hpp"

namespace eremite::platform {

// What is written where to enter the soft-off state S5.
struct PowerOffMethod {
    enum class Kind : uint8_t {
        Pm1Control,          // PM1 control registers, I/O ports (section 4.8.3.2.1)
        SleepControlPort,    // hardware-reduced ACPI: the sleep control register, an I/O port (section 4.8.3.7)
        SleepControlMemory,  // the same as a byte of device memory
    };
    Kind kind = Kind::Pm1Control;
    uint8_t sleep_type_a = 0;  // SLP_TYP, 0 to 7: for PM1a and for the sleep control register
    uint8_t sleep_type_b = 0;  // for PM1b
    uint8_t acpi_enable = 0;   // written to `smi_command`, it makes firmware hand over the PM1 registers
    uint16_t smi_command = 0;  // port, 0: ACPI mode is always on
    uint16_t pm1a = 0;         // ports of the PM1 control registers
    uint16_t pm1b = 0;         // 0: there is none
    uint16_t sleep_port = 0;
    PhysicalAddress sleep_register{};

    // What a sleep control register takes: SLP_TYP in bits 2 to 4, SLP_EN in bit 5.
    [[nodiscard]] constexpr uint8_t sleep_control() const { return static_cast<uint8_t>(sleep_type_a << 2 | 1 << 5); }
    bool operator==(const PowerOffMethod&) const = default;
};

// Looks for a way to switch the machine off. `rsdp`: address of the root pointer, as the PVH start info has it; 0: no ACPI.
[[nodiscard]] std::optional<PowerOffMethod> find_acpi_power_off(PhysicalAddress rsdp, MemoryView& memory);

// Switches the machine off. Returns when that had no effect, and at once for `SleepControlMemory`: who mapped that register
// stores sleep_control() there.
void acpi_power_off(const PowerOffMethod& method);

}  // namespace eremite::platform
