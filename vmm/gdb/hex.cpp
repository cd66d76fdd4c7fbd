#include "vmm/gdb/hex.hpp"

#include <charconv>

namespace eremite::vmm::gdb {

std::string hex_of(std::span<const std::byte> bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::byte byte : bytes) append_hex(text, std::to_integer<uint8_t>(byte));
    return text;
}

std::string hex_of(uint64_t number) {
    char text[16];
    const auto end = std::to_chars(text, text + sizeof text, number, 16).ptr;
    return {text, end};
}

bool bytes_of(std::string_view text, std::span<std::byte> bytes) {
    if (text.size() != bytes.size() * 2) return false;
    for (size_t i = 0; i < bytes.size(); ++i) {
        const auto high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (!high || !low) return false;
        bytes[i] = static_cast<std::byte>(*high << 4 | *low);
    }
    return true;
}

std::optional<uint64_t> take_number(std::string_view& text) {
    uint64_t number = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (result.ec != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(result.ptr - text.data()));
    return number;
}

bool skip(std::string_view& text, std::string_view beginning) {
    if (!text.starts_with(beginning)) return false;
    text.remove_prefix(beginning.size());
    return true;
}

}  // namespace eremite::vmm::gdb
