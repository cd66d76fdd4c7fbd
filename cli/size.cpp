#include "cli/size.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>

namespace eremite::cli {

std::optional<uint64_t> parse_size(std::string_view text) {
    uint64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number == 0) return std::nullopt;
    std::string unit{rest, text.data() + text.size()};
    for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (unit.empty() || unit == "b") return number;
    const size_t power = std::string_view{"kmgt"}.find(unit[0]);
    if (power == std::string_view::npos) return std::nullopt;
    const std::string_view suffix = std::string_view{unit}.substr(1);
    if (!suffix.empty() && suffix != "b" && suffix != "ib") return std::nullopt;
    const unsigned shift = 10 * (static_cast<unsigned>(power) + 1);
    if (number > (UINT64_MAX >> shift)) return std::nullopt;
    return number << shift;
}

std::string format_size(uint64_t bytes) {
    constexpr std::array units{"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    double value = static_cast<double>(bytes);
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    if (value == static_cast<double>(static_cast<uint64_t>(value))) return fmt::format("{} {}", static_cast<uint64_t>(value), units[unit]);
    return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace eremite::cli
