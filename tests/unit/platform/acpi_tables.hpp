#pragma once
// A machine's firmware tables, laid out in a fake physical memory.
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "libos/platform/acpi.hpp"

namespace eremite::test {

using Octets = std::vector<uint8_t>;

template <typename T>
void put(Octets& bytes, size_t offset, T value) {
    if (bytes.size() < offset + sizeof(T)) bytes.resize(offset + sizeof(T));
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

// Makes the bytes sum to 0 through the one at `at`.
inline void fix_checksum(Octets& bytes, size_t at) {
    bytes[at] = 0;
    uint8_t sum = 0;
    for (const uint8_t byte : bytes) sum = static_cast<uint8_t>(sum + byte);
    bytes[at] = static_cast<uint8_t>(-sum);
}

// A table with header, length and checksum.
inline Octets make_table(std::string_view signature, const Octets& body) {
    Octets table(36);
    std::memcpy(table.data(), signature.data(), 4);
    table.insert(table.end(), body.begin(), body.end());
    put(table, 4, static_cast<uint32_t>(table.size()));
    fix_checksum(table, 9);
    return table;
}

struct GenericAddressFields {
    uint8_t space, width, offset, access;
    uint64_t address;
};

// The FADT's fields at their offsets, `size` bytes in all.
struct Fadt {
    Octets body;
    explicit Fadt(size_t size = 276) : body(size - 36) {}
    template <typename T>
    Fadt& with(size_t offset, T value) {
        put(body, offset - 36, value);
        return *this;
    }
    Fadt& with_address(size_t offset, uint8_t space, uint64_t address) { return with(offset, space).with(offset + 4, address); }
    [[nodiscard]] Octets table() const { return make_table("FACP", body); }
};

// `Name (\_S5_, Package {...})` as compilers write it.
inline Octets soft_off(const Octets& elements, uint8_t count = 4, bool from_root = false) {
    Octets code{0x08};
    if (from_root) code.push_back('\\');
    code.insert(code.end(), {'_', 'S', '5', '_', 0x12, static_cast<uint8_t>(elements.size() + 2), count});
    code.insert(code.end(), elements.begin(), elements.end());
    return code;
}

class Firmware {
public:
    static constexpr uint64_t root = 0xf0000, memory_size = 0x200000;

    Firmware() : memory_(memory_size) {}
    void store(uint64_t address, const Octets& bytes) { std::memcpy(memory_.data() + address, bytes.data(), bytes.size()); }
    // Appends a table; returns its address.
    uint64_t add(const Octets& table) {
        const uint64_t address = next_;
        store(address, table);
        next_ += (table.size() + 15) & ~size_t{15};
        return address;
    }
    // Root pointer of revision 0 and RSDT.
    void add_root(const std::vector<uint64_t>& tables) {
        Octets entries;
        for (const uint64_t address : tables) put(entries, entries.size(), static_cast<uint32_t>(address));
        store(root, root_pointer(0, add(make_table("RSDT", entries)), 0));
    }
    // Root pointer of revision 2 and XSDT.
    void add_extended_root(const std::vector<uint64_t>& tables, uint64_t rsdt = 0) {
        Octets entries;
        for (const uint64_t address : tables) put(entries, entries.size(), address);
        store(root, root_pointer(2, rsdt, add(make_table("XSDT", entries))));
    }
    static Octets root_pointer(uint8_t revision, uint64_t rsdt, uint64_t xsdt) {
        Octets p(20);
        std::memcpy(p.data(), "RSD PTR ", 8);
        p[15] = revision;
        put(p, 16, static_cast<uint32_t>(rsdt));
        fix_checksum(p, 8);
        if (revision < 2) return p;
        put(p, 20, uint32_t{36});
        put(p, 24, xsdt);
        put(p, 32, uint32_t{0});
        fix_checksum(p, 32);
        return p;
    }
    [[nodiscard]] std::optional<platform::PowerOffMethod> find(uint64_t rsdp = root) {
        platform::FlatMemoryView view{memory_.data(), memory_.size()};
        return platform::find_acpi_power_off(PhysicalAddress{rsdp}, view);
    }
    Octets& memory() { return memory_; }

private:
    Octets memory_;
    uint64_t next_ = 0x100000;
};

}  // namespace eremite::test
