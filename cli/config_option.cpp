#include "cli/config_option.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <string_view>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

using Kind = ConfigEntry::Kind;

bool is_number(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    return type.starts_with("UINT") || type.starts_with("INT") || type.starts_with("FLOAT");
}

// What a value of the wrong kind should have been; empty: it is of the right one.
std::string_view expected_instead(const CLI::Option& option, const ConfigEntry& entry) {
    if (option.get_expected_min() == 0) {
        // A flag. Two of them take a value, if it is wanted.
        if (entry.key == "gdb") return entry.kind == Kind::Truth || entry.kind == Kind::Number ? "" : "true or a port is expected";
        if (entry.key == "trace") return entry.kind == Kind::Truth || entry.kind == Kind::Text ? "" : "true or a string is expected";
        return entry.kind == Kind::Truth ? "" : "true or false is expected";
    }
    if (option.get_items_expected_max() > 1) return entry.kind == Kind::List || entry.kind == Kind::Text ? "" : "a string or a list of strings is expected";
    if (is_number(option)) return entry.kind == Kind::Number ? "" : "a number is expected";
    return entry.kind == Kind::Text ? "" : "a string is expected";
}

}  // namespace

void apply_config(const Config& config, CLI::App& app) {
    for (const ConfigEntry& entry : config.entries) {
        const auto refuse = [&](std::string_view why) {
            throw Failure{exit_status::usage, fmt::format("{}:{}: {}: {}", config.name, entry.line, entry.key, why)};
        };
        CLI::Option* const option = entry.key == "config" || entry.key == "help" ? nullptr : app.get_option_no_throw("--" + entry.key);
        if (option == nullptr) refuse("no such option (see `eremite run --help`)");
        if (const std::string_view expected = expected_instead(*option, entry); !expected.empty()) refuse(expected);
        if (option->count() != 0) continue;
        try {
            if (entry.kind == Kind::Truth) {
                if (entry.values[0] == "false") continue;
                option->add_result(option->get_flag_value(entry.key, ""));
            } else {
                for (const std::string& value : entry.values) option->add_result(value);
            }
            if (!entry.values.empty()) option->run_callback();
        } catch (const CLI::Error& error) {
            refuse(error.what());
        }
    }
}

}  // namespace eremite::cli
