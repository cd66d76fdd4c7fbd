#pragma once
// The tables of ACPI 6.5 as bytes: finding them, and reading their fields. Private to this folder.
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

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

// The list of all tables: 64-bit addresses (XSDT) or 32-bit ones (RSDT). Sections 5.2.7, 5.2.8.
struct AcpiTableList {
    Bytes entries;
    size_t entry_size;

    // Calls visit(table) for each readable table with this signature until it returns true. Returns whether it did.
    template <typename Visitor>
    bool any(MemoryView& memory, std::string_view signature, Visitor&& visit) const {
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
};

// The root pointer (section 5.2.5.3): 20 bytes in revision 0, 36 bytes with a second checksum since revision 2.
[[nodiscard]] std::optional<AcpiTableList> read_acpi_root(MemoryView& memory, PhysicalAddress rsdp);

}  // namespace eremite::platform
