#pragma once
// The tables of ACPI that tell an image of its processors (ACPI 6.5 chapter 5): RSDP, XSDT, FADT, MADT and an empty DSDT. The machine is of the
// hardware-reduced kind: no registers of ACPI's are there.
#include <cstdint>

#include "vmm/guest_memory.hpp"

namespace eremite::vmm {

inline constexpr uint64_t local_apic_address = 0xfee00000, io_apic_address = 0xfec00000;

// Where they stand: in the area of a PC's firmware, which is not for use as memory.
inline constexpr uint64_t acpi_tables_start = 0xe0000, acpi_tables_end = 0x100000;

// Returns the address of the RSDP. Requires memory there.
uint64_t write_acpi_tables(const GuestMemory& memory, unsigned cpus);

}  // namespace eremite::vmm
