#pragma once
// The tables of ACPI 6.5 as bytes: finding them, and reading their fields. Private to this folder.
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

#include "libos/platform/memory_view.hpp"

namespace eremite::platform {

using Bytes = std::span<const uint8_t>;

static_assert(std::endian::native == std::endian::little, "tables are little-endian and read as they are");

// The field at `offset`. 0 when the table is too short for it: older revisions of a table end earlier, and everywhere
// here 0 means that there is no such thing.
template <typename T>
T field(Bytes table, size_t offset) {
    T value{};
    if (offset <= table.size() && sizeof(T) <= table.size() - offset) std::memcpy(&value, table.data() + offset, sizeof(T));
    return value;
}

[[nodiscard]] bool checksum_holds(Bytes bytes);

[[nodiscard]] inline bool starts_with(Bytes bytes, std::string_view signature) {
    return bytes.size() >= signature.size() && std::memcmp(bytes.data(), signature.data(), signature.size()) == 0;
}

// The header that all tables but RSDP begin with (section 5.2.6).
inline constexpr size_t acpi_header_size = 36;

// The whole table at `address`. Nothing when it is not in order.
[[nodiscard]] std::optional<Bytes> read_acpi_table(MemoryView& memory, uint64_t address);

// Who is shown tables, with its type erased: what reads them is run once, and small rather than fast.
class TableVisitor {
public:
    template <typename Function>
    TableVisitor(Function&& function)
        : call_{[](void* context, Bytes table) { return (*static_cast<std::remove_reference_t<Function>*>(context))(table); }},
          context_{const_cast<void*>(static_cast<const void*>(&function))} {}
    // True: it has seen enough.
    [[nodiscard]] bool operator()(Bytes table) const { return call_(context_, table); }

private:
    bool (*call_)(void* context, Bytes table);
    void* context_;
};

// The list of all tables: 64-bit addresses (XSDT) or 32-bit ones (RSDT). Sections 5.2.7, 5.2.8.
struct AcpiTableList {
    Bytes entries;
    size_t entry_size;

    // Calls visit(table) for each readable table with this signature until it returns true. Returns whether it did.
    bool any(MemoryView& memory, std::string_view signature, const TableVisitor& visit) const;
    // The same for the definition blocks without their headers, the DSDT first (sections 5.2.11.1 and 5.2.11.2).
    bool any_definition_block(MemoryView& memory, const TableVisitor& visit) const;
};

// The root pointer (section 5.2.5.3): 20 bytes in revision 0, 36 bytes with a second checksum since revision 2.
[[nodiscard]] std::optional<AcpiTableList> read_acpi_root(MemoryView& memory, PhysicalAddress rsdp);

// Calls visit(type, entry) for the structures of the Multiple APIC Description Table, each with its type and length in front (section
// 5.2.12). What is not in order ends the list.
template <typename Visitor>
void for_each_madt_entry(Bytes table, Visitor&& visit) {
    constexpr size_t list_at = 44;
    for (size_t at = list_at; at + 2 <= table.size();) {
        const uint8_t type = table[at], length = table[at + 1];
        if (length < 2 || length > table.size() - at) return;
        visit(type, table.subspan(at, length));
        at += length;
    }
}

}  // namespace eremite::platform
