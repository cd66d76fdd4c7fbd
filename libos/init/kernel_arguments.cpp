#include "libos/init/kernel_arguments.hpp"

#include <optional>

namespace eremite::init {

namespace {

// Cuts the next word off `text`, unescaping in place. Nothing: the end. EINVAL: an unterminated quote.
Result<std::optional<std::string_view>> next_word(std::span<char>& text) {
    size_t at = 0;
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n')) ++at;
    if (at == text.size()) return std::optional<std::string_view>{};
    char* const word = text.data() + at;
    size_t length = 0;
    bool quoted = false;
    for (; at < text.size() && (quoted || (text[at] != ' ' && text[at] != '\n')); ++at) {
        if (text[at] == '"') {
            quoted = !quoted;
        } else if (quoted && text[at] == '\\' && at + 1 < text.size()) {
            ++at;
            word[length++] = text[at] == 'n' ? '\n' : text[at];
        } else {
            word[length++] = text[at];
        }
    }
    text = text.subspan(at);
    if (quoted) return Error{EINVAL};
    return std::optional{std::string_view{word, length}};
}

std::optional<log::Level> parse_level(std::string_view text) {
    constexpr std::string_view names[] = {"error", "warn", "info", "debug"};
    for (unsigned i = 0; i < 4; ++i)
        if (text == names[i]) return static_cast<log::Level>(i);
    return std::nullopt;
}

// "2600.013" MHz -> 2600013 kHz. Nothing on anything else, zero included.
std::optional<uint64_t> parse_mhz(std::string_view text) {
    uint64_t khz = 0;
    int decimals = -1;
    for (char c : text) {
        if (c == '.' && decimals < 0) {
            decimals = 0;
        } else if (c >= '0' && c <= '9' && khz < 1'000'000'000) {
            if (decimals >= 3) continue;
            if (decimals >= 0) ++decimals;
            khz = khz * 10 + static_cast<uint64_t>(c - '0');
        } else {
            return std::nullopt;
        }
    }
    for (int i = decimals < 0 ? 0 : decimals; i < 3; ++i) khz *= 10;
    return khz == 0 ? std::nullopt : std::optional{khz};
}

Result<void> parse_kernel_word(std::string_view word, KernelArguments& out) {
    const size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? std::string_view{} : word.substr(equals + 1);
    if (key == "log") {
        const auto level = parse_level(value);
        if (!level) return Error{EINVAL};
        out.log_level = *level;
    } else if (key.starts_with("env.")) {
        if (equals == std::string_view::npos || key.size() == 4) return Error{EINVAL};
        return out.environment.push_back(word.substr(4));
    } else if (key == "tsc_mhz") {
        const auto khz = parse_mhz(value);
        if (!khz) return Error{EINVAL};
        out.tsc_khz = *khz;
    } else if (key == "arg0") {
        out.program_name = value;
    } else if (key == "init") {
        out.init_path = value;
    } else if (key == "tty") {
        out.terminal = value != "0";
    } else if (key == "stdin") {
        out.framed_input = value == "framed";
    } else if (key == "stats") {
        out.statistics = value != "0";
    } else {
        return out.unknown.push_back(word);
    }
    return {};
}

// Devices that QEMU's microvm and Firecracker announce at the end of the command line, after the program's arguments.
bool is_device_announcement(std::string_view word) { return word.starts_with("virtio_mmio.device="); }

}  // namespace

Result<void> parse_kernel_arguments(std::span<char> text, KernelArguments& out, std::string_view& offender) {
    bool for_program = false;
    TRY(out.program_arguments.push_back(out.program_name));
    for (;;) {
        offender = {text.data(), text.size()};
        const auto word = TRY(next_word(text));
        if (!word) break;
        offender = *word;
        if (is_device_announcement(*word)) continue;
        if (for_program) TRY(out.program_arguments.push_back(*word));
        else if (*word == "--") for_program = true;
        else TRY(parse_kernel_word(*word, out));
    }
    out.program_arguments[0] = out.program_name;
    return {};
}

}  // namespace eremite::init
