#pragma once
// `--config FILE.toml`: the options of `eremite run` by their long names, the program and its arguments (TOML 1.0).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eremite::cli {

struct ConfigEntry {
    enum class Kind : uint8_t { Text, Number, Truth, List };

    std::string key;
    unsigned line = 0;
    Kind kind = Kind::Text;
    std::vector<std::string> values;  // one, but for a list; a truth is "true" or "false"
};

struct Config {
    std::string name;  // of the file, for messages
    std::vector<ConfigEntry> entries;
    std::optional<std::string> program;
    std::vector<std::string> arguments;
};

// Throws Failure (usage), which names file, line and key: it is no TOML, or a value is of a kind that no option has. A table `env` becomes a list of
// NAME=VALUE.
Config parse_config(std::string_view text, const std::string& name);
// Throws Failure: the file cannot be read, or as above.
Config read_config(const std::string& path);

}  // namespace eremite::cli
