#include "libos/init/network/addresses.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

namespace eremite::init {

namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
    T number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<net::Ipv4Address> parse_v4(std::string_view text) {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const size_t dot = i < 3 ? text.find('.') : text.size();
        if (dot == text.npos) return std::nullopt;
        const auto byte = parse_number<uint8_t>(text.substr(0, dot));
        if (!byte) return std::nullopt;
        value = value << 8 | *byte;
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return net::Ipv4Address{value};
}

// Groups of hexadecimal digits with colons between them, the last two maybe as an IPv4 address. Returns how many there are.
std::optional<size_t> parse_groups(std::string_view text, std::array<uint16_t, 8>& groups) {
    size_t count = 0;
    while (!text.empty()) {
        if (count == groups.size()) return std::nullopt;
        const size_t colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        if (colon == text.npos && group.find('.') != group.npos && count + 2 <= groups.size()) {
            const auto v4 = parse_v4(group);
            if (!v4) return std::nullopt;
            groups[count] = static_cast<uint16_t>(v4->value >> 16);
            groups[count + 1] = static_cast<uint16_t>(v4->value);
            return count + 2;
        }
        const auto number = group.size() <= 4 ? parse_number<uint16_t>(group, 16) : std::nullopt;
        if (!number) return std::nullopt;
        groups[count++] = *number;
        if (colon == text.npos) return count;
        text.remove_prefix(colon + 1);
        if (text.empty()) return std::nullopt;
    }
    return count;
}

std::optional<net::IpAddress> parse_v6(std::string_view text) {
    std::array<uint16_t, 8> groups{}, behind{};
    const size_t gap = text.find("::");
    const auto before = parse_groups(text.substr(0, gap), groups);
    if (!before) return std::nullopt;
    if (gap == text.npos) return *before == groups.size() ? std::optional{net::IpAddress::v6(groups)} : std::nullopt;
    const auto after = parse_groups(text.substr(gap + 2), behind);
    if (!after || *before + *after >= groups.size()) return std::nullopt;
    std::copy_n(behind.begin(), *after, groups.end() - static_cast<ptrdiff_t>(*after));
    return net::IpAddress::v6(groups);
}

std::optional<uint8_t> parse_length(std::string_view text, bool v4) {
    if (const auto mask = v4 ? parse_v4(text) : std::nullopt) {
        const uint32_t host_part = ~mask->value;
        return (host_part & (host_part + 1)) == 0 ? std::optional{static_cast<uint8_t>(std::countl_one(mask->value))} : std::nullopt;
    }
    const auto length = parse_number<uint8_t>(text);
    return length && *length <= (v4 ? 32 : 128) ? length : std::nullopt;
}

}  // namespace

std::optional<net::IpAddress> parse_address(std::string_view text) {
    if (const auto v4 = parse_v4(text)) return net::IpAddress{*v4};
    return text.find(':') == text.npos ? std::nullopt : parse_v6(text);
}

std::optional<AddressArgument> parse_address_argument(std::string_view text) {
    AddressArgument argument;
    if (const size_t at = text.find('@'); at != text.npos) {
        argument.interface = text.substr(at + 1);
        text = text.substr(0, at);
    }
    const size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address || argument.interface.empty()) return std::nullopt;
    constexpr uint8_t usual_v4 = 24, usual_v6 = 64;
    const auto length = slash != text.npos ? parse_length(text.substr(slash + 1), address->is_v4()) : std::optional{address->is_v4() ? usual_v4 : usual_v6};
    if (!length) return std::nullopt;
    argument.address = *address;
    argument.length = *length;
    return argument;
}

}  // namespace eremite::init
