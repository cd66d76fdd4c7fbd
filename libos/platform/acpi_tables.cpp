#include "libos/platform/acpi_tables.hpp"

namespace eremite::platform {

bool checksum_holds(Bytes bytes) {
    uint8_t sum = 0;
    for (uint8_t byte : bytes) sum = static_cast<uint8_t>(sum + byte);
    return sum == 0;
}

namespace {

constexpr size_t length_at = 4;
// Bounds the work on a table whose length is nonsense. Definition blocks of real machines have some hundred KiB.
constexpr uint32_t longest_table = 4 << 20;

}  // namespace

std::optional<Bytes> read_acpi_table(MemoryView& memory, uint64_t address) {
    if (address == 0) return std::nullopt;
    const auto header = memory.bytes(PhysicalAddress{address}, acpi_header_size);
    if (!header) return std::nullopt;
    const auto length = field<uint32_t>(*header, length_at);
    if (length < acpi_header_size || length > longest_table) return std::nullopt;
    const auto table = memory.bytes(PhysicalAddress{address}, length);
    if (!table || !checksum_holds(*table)) return std::nullopt;
    return table;
}

bool AcpiTableList::any(MemoryView& memory, std::string_view signature, const TableVisitor& visit) const {
    for (size_t at = 0; at + entry_size <= entries.size(); at += entry_size) {
        const uint64_t address = entry_size == 8 ? field<uint64_t>(entries, at) : field<uint32_t>(entries, at);
        // The signature is looked at first: the other tables may be long and are none of our business.
        const auto start = address == 0 ? std::nullopt : memory.bytes(PhysicalAddress{address}, signature.size());
        if (!start || !starts_with(*start, signature)) continue;
        const auto table = read_acpi_table(memory, address);
        if (table && visit(*table)) return true;
    }
    return false;
}

bool AcpiTableList::any_definition_block(MemoryView& memory, const TableVisitor& visit) const {
    // Of the FADT (section 5.2.9).
    constexpr size_t dsdt_at = 40, x_dsdt_at = 140;
    const bool enough = any(memory, "FACP", [&](Bytes table) {
        const auto extended = field<uint64_t>(table, x_dsdt_at);
        const auto dsdt = read_acpi_table(memory, extended != 0 ? extended : field<uint32_t>(table, dsdt_at));
        return dsdt && starts_with(*dsdt, "DSDT") && visit(dsdt->subspan(acpi_header_size));
    });
    return enough || any(memory, "SSDT", [&](Bytes table) { return visit(table.subspan(acpi_header_size)); });
}

std::optional<AcpiTableList> read_acpi_root(MemoryView& memory, PhysicalAddress rsdp) {
    constexpr size_t first_size = 20, revision_at = 15, rsdt_at = 16, rsdp_length_at = 20, xsdt_at = 24, extended_size = 36;
    if (rsdp.value == 0) return std::nullopt;
    const auto root = memory.bytes(rsdp, first_size);
    if (!root || !starts_with(*root, "RSD PTR ") || !checksum_holds(*root)) return std::nullopt;
    if (field<uint8_t>(*root, revision_at) >= 2) {
        const auto fixed = memory.bytes(rsdp, extended_size);
        const uint32_t length = fixed ? field<uint32_t>(*fixed, rsdp_length_at) : 0;
        const auto extended = length >= extended_size && length <= page_size ? memory.bytes(rsdp, length) : std::nullopt;
        if (extended && checksum_holds(*extended)) {
            const auto xsdt = read_acpi_table(memory, field<uint64_t>(*extended, xsdt_at));
            if (xsdt && starts_with(*xsdt, "XSDT")) return AcpiTableList{xsdt->subspan(acpi_header_size), 8};
        }
    }
    const auto rsdt = read_acpi_table(memory, field<uint32_t>(*root, rsdt_at));
    if (!rsdt || !starts_with(*rsdt, "RSDT")) return std::nullopt;
    return AcpiTableList{rsdt->subspan(acpi_header_size), 4};
}

}  // namespace eremite::platform
