#pragma once
// ACPI machine language of ACPI 6.5, as far as it is data. Private to this folder.
#include <cstdint>
#include <optional>

#include "libos/platform/acpi_tables.hpp"

namespace eremite::platform {

// Bytecode of a definition block (section 20.2), read front to back. There is no interpreter behind it: objects of fixed form that
// stand in no method can be found by their name.
class AmlReader {
public:
    explicit AmlReader(Bytes code) : code_{code} {}

    std::optional<uint8_t> byte() {
        if (code_.empty()) return std::nullopt;
        const uint8_t value = code_[0];
        code_ = code_.subspan(1);
        return value;
    }

    [[nodiscard]] Bytes rest() const { return code_; }

    // PkgLength (section 20.2.4): what is left of it as a reader of its own.
    std::optional<AmlReader> package() {
        const Bytes start = code_;
        const auto lead = byte();
        if (!lead) return std::nullopt;
        const unsigned further = *lead >> 6;
        uint32_t length = *lead & (further == 0 ? 0x3f : 0x0f);
        for (unsigned i = 0; i < further; ++i) {
            const auto next = byte();
            if (!next) return std::nullopt;
            length |= uint32_t{*next} << (4 + 8 * i);
        }
        // The length counts its own bytes.
        const size_t used = start.size() - code_.size();
        if (length < used || length > start.size()) return std::nullopt;
        return AmlReader{start.subspan(used, length - used)};
    }

    // An integer constant (section 20.2.3).
    std::optional<uint64_t> integer() {
        constexpr uint8_t zero = 0x00, one = 0x01, byte_prefix = 0x0a, word_prefix = 0x0b, dword_prefix = 0x0c, qword_prefix = 0x0e;
        const auto prefix = byte();
        if (!prefix) return std::nullopt;
        switch (*prefix) {
        case zero: return 0;
        case one: return 1;
        case byte_prefix: return little_endian(1);
        case word_prefix: return little_endian(2);
        case dword_prefix: return little_endian(4);
        case qword_prefix: return little_endian(8);
        default: return std::nullopt;
        }
    }

private:
    std::optional<uint64_t> little_endian(unsigned size) {
        uint64_t value = 0;
        for (unsigned i = 0; i < size; ++i) {
            const auto next = byte();
            if (!next) return std::nullopt;
            value |= uint64_t{*next} << (8 * i);
        }
        return value;
    }

    Bytes code_;
};

}  // namespace eremite::platform
