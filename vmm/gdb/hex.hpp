#pragma once
// Numbers and bytes as GDB's protocol writes them: hexadecimal, bytes in the order of memory.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace eremite::vmm::gdb {

[[nodiscard]] constexpr std::optional<uint8_t> digit_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<uint8_t>(c - 'A' + 10);
    return std::nullopt;
}

// Two digits.
inline void append_hex(std::string& text, uint8_t byte) {
    constexpr char digits[] = "0123456789abcdef";
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 0xf]);
}

[[nodiscard]] std::string hex_of(std::span<const std::byte> bytes);
// As few digits as there must be.
[[nodiscard]] std::string hex_of(uint64_t number);
// Fills `bytes`. False: `text` is not exactly that many bytes.
[[nodiscard]] bool bytes_of(std::string_view text, std::span<std::byte> bytes);
// A number at the front of `text`, which loses it. Nothing: there is none, or it has more than 64 bits.
[[nodiscard]] std::optional<uint64_t> take_number(std::string_view& text);
// False: `text` does not begin so; else it loses that.
[[nodiscard]] bool skip(std::string_view& text, std::string_view beginning);

}  // namespace eremite::vmm::gdb
