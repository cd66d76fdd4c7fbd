#include "libos/init/kernel_arguments.hpp"

#include <algorithm>
#include <optional>

namespace eremite::init {

namespace {

struct Word {
    std::string_view text;
    bool quoted = false;  // or a part of it
    bool terminated = true;
};

// Cuts the next word off `text`, unescaping in place. Nothing: the end.
std::optional<Word> next_word(std::span<char>& text) {
    size_t at = 0;
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n')) ++at;
    if (at == text.size()) return std::nullopt;
    char* const word = text.data() + at;
    size_t length = 0;
    bool in_quotes = false, quoted = false;
    for (; at < text.size() && (in_quotes || (text[at] != ' ' && text[at] != '\n')); ++at) {
        if (text[at] == '"') {
            in_quotes = !in_quotes;
            quoted = true;
        } else if (in_quotes && text[at] == '\\' && at + 1 < text.size()) {
            ++at;
            word[length++] = text[at] == 'n' ? '\n' : text[at];
        } else {
            word[length++] = text[at];
        }
    }
    text = text.subspan(at);
    return Word{{word, length}, quoted, !in_quotes};
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

// A number above zero.
std::optional<uint32_t> parse_count(std::string_view text) {
    uint32_t count = 0;
    for (char c : text) {
        if (c < '0' || c > '9' || count > 100'000) return std::nullopt;
        count = count * 10 + static_cast<uint32_t>(c - '0');
    }
    return count == 0 ? std::nullopt : std::optional{count};
}

// TAG:/path[:ro][:uncached][:patience=SECONDS]. A path that ends in ":ro" can be given as "/path:ro/".
std::optional<MountArgument> parse_mount(std::string_view text) {
    constexpr std::string_view read_only = ":ro", uncached = ":uncached", patience = ":patience=";
    const size_t colon = text.find(':');
    if (colon == 0 || colon == text.npos) return std::nullopt;
    const auto take_off = [&](std::string_view suffix) {
        const bool there = text.substr(colon + 1).ends_with(suffix);
        if (there) text.remove_suffix(suffix.size());
        return there;
    };
    MountArgument mount;
    if (const size_t at = text.rfind(patience); at != text.npos && at > colon) {
        const auto seconds = parse_count(text.substr(at + patience.size()));
        if (!seconds) return std::nullopt;
        mount.patience = *seconds;
        text = text.substr(0, at);
    }
    mount.uncached = take_off(uncached);
    mount.read_only = take_off(read_only);
    mount.tag = text.substr(0, colon);
    mount.path = text.substr(colon + 1);
    return mount.path.starts_with('/') ? std::optional{mount} : std::nullopt;
}

// Stores what was parsed. EINVAL: nothing.
template <typename T, typename Field>
Result<void> set(Field& field, const std::optional<T>& value) {
    if (!value) return Error{EINVAL};
    field = *value;
    return {};
}

// These store a text that is not empty.
Result<void> set_text(std::string_view& field, std::string_view value) {
    if (value.empty()) return Error{EINVAL};
    field = value;
    return {};
}
Result<void> add(Vector<std::string_view>& list, std::string_view value) {
    return value.empty() ? Result<void>{Error{EINVAL}} : list.push_back(value);
}

// One of two words.
Result<void> set_choice(bool& field, std::string_view value, std::string_view no, std::string_view yes) {
    if (value != no && value != yes) return Error{EINVAL};
    field = value == yes;
    return {};
}
Result<void> set_switch(bool& field, std::string_view value) { return set_choice(field, value, "0", "1"); }

using Arguments = KernelArguments&;
using Text = std::string_view;
struct Argument {
    const char* key;
    Result<void> (*take)(Arguments out, Text value);
};
constexpr Argument arguments[] = {
    {"log", [](Arguments out, Text value) { return set(out.log_level, parse_level(value)); }},
    {"tsc_mhz", [](Arguments out, Text value) { return set(out.tsc_khz, parse_mhz(value)); }},
    {"trace", [](Arguments out, Text value) { return set_text(out.trace, value); }},
    {"tty", [](Arguments out, Text value) { return set_switch(out.terminal, value); }},
    {"cpus", [](Arguments out, Text value) { return set(out.cpus, parse_count(value)); }},
    {"idle_poll", [](Arguments out, Text value) { return set(out.idle_poll, value == "0" ? std::optional{0u} : parse_count(value)); }},
    {"balloon", [](Arguments out, Text value) { return set_switch(out.balloon, value); }},
    {"disks", [](Arguments out, Text value) { return set_switch(out.disks, value); }},
    {"stats", [](Arguments out, Text value) { return set_switch(out.statistics, value); }},
    {"stdin", [](Arguments out, Text value) { return set_choice(out.framed_input, value, "raw", "framed"); }},
    {"streams", [](Arguments out, Text value) { return set_choice(out.virtio_streams, value, "ports", "console"); }},
    {"vmgenid", [](Arguments out, Text value) { return set_text(out.generation, value); }},
    {"mount",
     [](Arguments out, Text value) {
         const auto mount = parse_mount(value);
         return mount ? out.mounts.push_back(*mount) : Result<void>{Error{EINVAL}};
     }},
    {"ip", [](Arguments out, Text value) { return add(out.network.addresses, value); }},
    {"gateway", [](Arguments out, Text value) { return add(out.network.gateways, value); }},
    {"dns", [](Arguments out, Text value) { return set_text(out.network.dns, value); }},
    {"mtu", [](Arguments out, Text value) { return set_text(out.network.mtu, value); }},
    {"pcap", [](Arguments out, Text value) { return set_text(out.network.capture, value); }},
    {"hostname", [](Arguments out, Text value) { return set_text(out.network.host_name, value); }},
    {"arg0", [](Arguments out, Text value) { return set(out.program_name, std::optional{value}); }},
    {"init", [](Arguments out, Text value) { return set(out.init_path, std::optional{value}); }},
};

Result<void> parse_kernel_word(std::string_view word, KernelArguments& out) {
    const size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    constexpr std::string_view environment = "env.";
    const bool has_value = equals != word.npos;
    if (key.starts_with(environment)) return has_value && key != environment ? out.environment.push_back(word.substr(environment.size())) : Error{EINVAL};
    const auto known = std::find_if(std::begin(arguments), std::end(arguments), [key](const Argument& argument) { return argument.key == key; });
    if (known == std::end(arguments)) return out.unknown.push_back(word);
    if (!has_value) return Error{EINVAL};
    return known->take(out, word.substr(equals + 1));
}

// Devices that QEMU's microvm and Firecracker announce at the end of the command line, after the program's arguments. A
// program argument of this form stands in quotes.
constexpr std::string_view device_announcement = "virtio_mmio.device=";
bool is_device_announcement(const Word& word) { return !word.quoted && word.text.starts_with(device_announcement); }

}  // namespace

Result<void> parse_kernel_arguments(std::span<char> text, KernelArguments& out, std::string_view& offender) {
    bool for_program = false;
    TRY(out.program_arguments.push_back(out.program_name));
    while (const auto word = next_word(text)) {
        offender = word->text;
        if (!word->terminated) return Error{EINVAL};
        if (is_device_announcement(*word)) TRY(out.devices.push_back(word->text.substr(device_announcement.size())));
        else if (for_program) TRY(out.program_arguments.push_back(word->text));
        else if (!word->quoted && word->text == "--") for_program = true;
        else TRY(parse_kernel_word(word->text, out));
    }
    offender = {};
    out.program_arguments[0] = out.program_name;
    return {};
}

}  // namespace eremite::init
