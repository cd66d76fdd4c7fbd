#include "cli/report.hpp"

#include <algorithm>
#include <charconv>

namespace eremite::cli {

namespace {

constexpr size_t longest_line = 4 << 20;
constexpr size_t most_stats = 4096;
constexpr size_t most_stack_bytes = 64 << 20;
constexpr size_t most_registers = 64;
constexpr size_t most_malformed = 8;

template <typename T>
std::optional<T> parse_number(std::string_view text, int base) {
    if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Cuts the first word off `rest`.
std::string_view next_word(std::string_view& rest) {
    const size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
}

std::optional<std::string> parse_bytes(std::string_view hexadecimal) {
    if (hexadecimal.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(hexadecimal.size() / 2);
    for (size_t i = 0; i < hexadecimal.size(); i += 2) {
        const auto value = parse_number<uint8_t>(hexadecimal.substr(i, 2), 16);
        if (!value) return std::nullopt;
        bytes += static_cast<char>(*value);
    }
    return bytes;
}

}  // namespace

void Report::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        const size_t newline = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, newline);
        if (partial_.size() + piece.size() > longest_line) {
            overlong_ = true;
            partial_.clear();
        } else if (!overlong_) {
            partial_ += piece;
        }
        if (newline == std::string_view::npos) return;
        bytes.remove_prefix(newline + 1);
        finish();
    }
}

void Report::finish() {
    if (overlong_) {
        if (malformed.size() < most_malformed) malformed.emplace_back("(a line of more than 4 MiB)");
    } else if (!partial_.empty()) {
        take_line(partial_);
    }
    partial_.clear();
    overlong_ = false;
}

std::optional<uint64_t> Report::stat(std::string_view name) const {
    const auto found = std::ranges::find(stats, name, [](const auto& stat) -> std::string_view { return stat.first; });
    if (found == stats.end()) return std::nullopt;
    return found->second;
}

void Report::take_line(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || understand(line)) return;
    if (malformed.size() < most_malformed) malformed.emplace_back(line.substr(0, 120));
}

bool Report::understand(std::string_view line) {
    std::string_view rest = line;
    const std::string_view key = next_word(rest);
    if (key == "exit") {
        const auto status = parse_number<int>(rest, 10);
        if (!status || *status < 0 || *status > 255) return false;
        exit_status = *status;
        return true;
    }
    if (key == "stat") {
        const std::string_view name = next_word(rest);
        const auto value = parse_number<uint64_t>(rest, 10);
        if (name.empty() || !value || stats.size() >= most_stats) return false;
        const auto known = std::ranges::find(stats, name, [](const auto& stat) -> std::string_view { return stat.first; });
        if (known != stats.end()) {
            known->second = *value;
        } else {
            stats.emplace_back(name, *value);
        }
        return true;
    }
    if (key == "fault") {
        const auto signal = parse_number<int>(next_word(rest), 10);
        const auto address = parse_number<uint64_t>(rest, 16);
        if (!signal || *signal < 1 || *signal > 64 || (!address && !rest.empty())) return false;
        fault = Fault{*signal, address};
        return true;
    }
    if (key == "crash") {
        if (!rest.empty()) return false;
        crashed = true;
        registers.clear();
        stack.clear();
        return true;
    }
    if (key == "register") {
        const std::string_view name = next_word(rest);
        const auto value = parse_number<uint64_t>(rest, 16);
        if (name.empty() || !value || registers.size() >= most_registers) return false;
        registers.insert_or_assign(std::string{name}, *value);
        return true;
    }
    if (key == "bias") {
        const auto value = parse_number<uint64_t>(rest, 16);
        if (!value) return false;
        bias = *value;
        return true;
    }
    if (key == "stack") {
        const auto address = parse_number<uint64_t>(next_word(rest), 16);
        auto bytes = parse_bytes(rest);
        size_t total = 0;
        for (const StackPiece& piece : stack) total += piece.bytes.size();
        if (!address || !bytes || bytes->empty() || total + bytes->size() > most_stack_bytes) return false;
        stack.push_back({*address, std::move(*bytes)});
        return true;
    }
    return false;
}

}  // namespace eremite::cli
