#include "cli/config_file.hpp"

#include <fmt/format.h>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace eremite::cli {

namespace {

class Parser {
public:
    explicit Parser(Config& config) : config_{config} {}

    void take(std::string_view key, const toml::node& node) {
        ConfigEntry entry{.key = std::string{key}, .line = node.source().begin.line, .kind = {}, .values = {}};
        if (const auto* const text = node.as_string()) {
            set(entry, ConfigEntry::Kind::Text, text->get());
        } else if (const auto* const truth = node.as_boolean()) {
            set(entry, ConfigEntry::Kind::Truth, truth->get() ? "true" : "false");
        } else if (const auto* const integer = node.as_integer()) {
            set(entry, ConfigEntry::Kind::Number, fmt::format("{}", integer->get()));
        } else if (const auto* const real = node.as_floating_point()) {
            set(entry, ConfigEntry::Kind::Number, fmt::format("{}", real->get()));
        } else if (const auto* const list = node.as_array()) {
            entry.kind = ConfigEntry::Kind::List;
            for (const toml::node& item : *list) entry.values.push_back(text_of(item, key, "a list of strings is expected"));
        } else if (const auto* const table = node.as_table(); table != nullptr && key == "env") {
            entry.kind = ConfigEntry::Kind::List;
            for (const auto& [name, value] : *table)
                entry.values.push_back(fmt::format("{}={}", name.str(), text_of(value, fmt::format("env.{}", name.str()), "a string is expected")));
        } else {
            refuse(node, key, node.is_table() ? "a table is not expected here" : "a date or time is not expected here");
        }
        add(std::move(entry), node);
    }

private:
    static void set(ConfigEntry& entry, ConfigEntry::Kind kind, std::string value) {
        entry.kind = kind;
        entry.values = {std::move(value)};
    }

    void add(ConfigEntry entry, const toml::node& node) {
        if (entry.key == "program") {
            if (entry.kind != ConfigEntry::Kind::Text) refuse(node, entry.key, "a string is expected");
            config_.program = entry.values[0];
        } else if (entry.key == "arguments") {
            if (entry.kind != ConfigEntry::Kind::List) refuse(node, entry.key, "a list of strings is expected");
            config_.arguments = std::move(entry.values);
        } else {
            config_.entries.push_back(std::move(entry));
        }
    }

    std::string text_of(const toml::node& node, std::string_view key, std::string_view expected) const {
        const auto* const text = node.as_string();
        if (text == nullptr) refuse(node, key, expected);
        return text->get();
    }

    [[noreturn]] void refuse(const toml::node& node, std::string_view key, std::string_view why) const {
        throw Failure{exit_status::usage, fmt::format("{}:{}: {}: {}", config_.name, static_cast<unsigned>(node.source().begin.line), key, why)};
    }

    Config& config_;
};

}  // namespace

Config parse_config(std::string_view text, const std::string& name) {
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) {
        const toml::parse_error& error = parsed.error();
        throw Failure{exit_status::usage, fmt::format("{}:{}: {}", name, static_cast<unsigned>(error.source().begin.line), error.description())};
    }
    Config config{.name = name, .entries = {}, .program = {}, .arguments = {}};
    Parser parser{config};
    for (const auto& [key, node] : parsed.table()) parser.take(key.str(), node);
    // As they stand in the file, so that the first mistake is the first to be told.
    std::ranges::stable_sort(config.entries, {}, &ConfigEntry::line);
    return config;
}

Config read_config(const std::string& path) {
    errno = 0;
    const auto text = read_text(path);
    if (!text) throw Failure{exit_status::usage, fmt::format("run: --config {}: {}", path, errno != 0 ? std::strerror(errno) : "it cannot be read")};
    return parse_config(*text, path);
}

}  // namespace eremite::cli
