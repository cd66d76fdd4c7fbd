#pragma once
// Values and their names in few bytes, packed at compile time: for tables that are long and seldom read. An entry is the value,
// seven bits a byte from the lowest up, with the top bit set in each but the last (LEB128: DWARF 5, 7.6); then the name and a
// zero byte. An entry without a name ends the table.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace eremite {

struct NamedValue {
    uint64_t value;
    std::string_view name;
};

// The bytes of `make()`, a std::array<NamedValue, n>.
template <auto make>
consteval auto pack_names() {
    constexpr auto value_bytes = [](uint64_t value) {
        size_t count = 1;
        for (; value >= 0x80; value >>= 7) ++count;
        return count;
    };
    constexpr size_t size = [value_bytes] {
        size_t sum = 2;
        for (const NamedValue& entry : make()) sum += value_bytes(entry.value) + entry.name.size() + 1;
        return sum;
    }();
    std::array<uint8_t, size> packed{};
    size_t at = 0;
    for (const NamedValue& entry : make()) {
        uint64_t value = entry.value;
        for (; value >= 0x80; value >>= 7) packed[at++] = static_cast<uint8_t>(value | 0x80);
        packed[at++] = static_cast<uint8_t>(value);
        for (const char c : entry.name) packed[at++] = static_cast<uint8_t>(c);
        ++at;
    }
    return packed;
}

// Reads such a table from its start to its end.
class PackedNames {
public:
    // Requires: what pack_names made.
    explicit PackedNames(const uint8_t* packed) : at_{packed} {}

    // The next entry. One without a name stands at the end, and nothing may be read behind it.
    [[nodiscard]] NamedValue next() {
        uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const uint8_t byte = *at_++;
            value |= uint64_t{byte & 0x7fu} << shift;
            if (byte < 0x80) break;
        }
        const std::string_view name{reinterpret_cast<const char*>(at_)};
        at_ += name.size() + 1;
        return {value, name};
    }

    // The name of a value; empty when it has none.
    [[nodiscard]] std::string_view find(uint64_t value) {
        for (;;) {
            const NamedValue entry = next();
            if (entry.name.empty() || entry.value == value) return entry.name;
        }
    }

private:
    const uint8_t* at_;
};

}  // namespace eremite
