#include "libos/platform/processors.hpp"

#include "libos/platform/acpi_tables.hpp"

namespace eremite::platform {

namespace {

// ACPI 6.5, 5.2.12.2
void read_madt(Bytes table, Processors& found) {
    for_each_madt_entry(table, [&found](uint8_t type, Bytes entry) {
        constexpr uint8_t local_apic = 0;
        constexpr uint32_t enabled = 1;
        if (type == local_apic && entry.size() >= 8 && (field<uint32_t>(entry, 4) & enabled)) found.add(entry[3]);
    });
}

// MP specification 1.4, 4.2 and 4.3: processors come first, entries of 20 bytes.
void read_mp_table(MemoryView& memory, uint32_t address, Processors& found) {
    constexpr size_t mp_header_size = 44, processor_size = 20;
    constexpr uint8_t processor = 0, enabled = 1;
    const auto header = memory.bytes(PhysicalAddress{address}, mp_header_size);
    if (!header || !starts_with(*header, "PCMP")) return;
    const auto table = memory.bytes(PhysicalAddress{address}, field<uint16_t>(*header, 4));
    if (!table || !checksum_holds(*table)) return;
    const auto entries = field<uint16_t>(*table, 34);
    size_t at = mp_header_size;
    for (unsigned i = 0; i < entries && at + processor_size <= table->size() && (*table)[at] == processor; ++i, at += processor_size)
        if ((*table)[at + 3] & enabled) found.add((*table)[at + 1]);
}

// MP specification 1.4, 4.1: the floating pointer stands on a 16-byte boundary in the last KiB of base memory or in the BIOS's.
bool search_mp_table(MemoryView& memory, PhysicalRange where, Processors& found) {
    constexpr uint64_t pointer_size = 16;
    for (PhysicalAddress at = where.start; at < where.end; at += pointer_size) {
        const auto pointer = memory.bytes(at, pointer_size);
        if (!pointer) return false;
        if (!starts_with(*pointer, "_MP_") || !checksum_holds(*pointer)) continue;
        read_mp_table(memory, field<uint32_t>(*pointer, 4), found);
        return true;
    }
    return false;
}

}  // namespace

Processors find_processors(PhysicalAddress rsdp, MemoryView& memory) {
    Processors found;
    if (const auto tables = read_acpi_root(memory, rsdp)) {
        tables->any(memory, "APIC", [&found](Bytes table) {
            read_madt(table, found);
            return true;
        });
    }
    if (found.count != 0) return found;
    constexpr PhysicalRange places[] = {{{0x9fc00}, {0xa0000}}, {{0xf0000}, {0x100000}}};
    for (const PhysicalRange& place : places)
        if (search_mp_table(memory, place, found)) break;
    return found;
}

}  // namespace eremite::platform
