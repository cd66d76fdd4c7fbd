#include "cli/mount_option.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <system_error>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

[[noreturn]] void refuse(std::string_view option, std::string_view text, const std::string& why) {
    throw Failure{exit_status::usage, fmt::format("run: {} {}: {}", option, text, why)};
}

bool take_off(std::string_view& text, std::string_view suffix) {
    const bool there = text.ends_with(suffix);
    if (there) text.remove_suffix(suffix.size());
    return there;
}

std::optional<uint32_t> take_off_patience(std::string_view& rest, std::string_view text) {
    constexpr std::string_view name = ":patience=";
    const size_t at = rest.rfind(name);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view digits = rest.substr(at + name.size());
    constexpr uint32_t longest = 1'000'000;
    uint32_t seconds = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (error != std::errc{} || end != digits.data() + digits.size() || seconds == 0 || seconds > longest)
        refuse("--mount", text, fmt::format("write :patience= with whole seconds from 1 to {}", longest));
    rest = rest.substr(0, at);
    return seconds;
}

// What stands before the suffixes, which are taken off already. `form`: how the user writes it.
MountOption split(std::string_view option, std::string_view text, std::string_view rest, std::string_view form) {
    const size_t separator = rest.rfind(":/");
    if (separator == std::string_view::npos || separator == 0) refuse(option, text, fmt::format("write {}", form));
    MountOption mount;
    mount.source = rest.substr(0, separator);
    mount.path = rest.substr(separator + 1);
    return mount;
}

std::filesystem::file_status status_of(const std::string& path) {
    std::error_code error;
    return std::filesystem::status(path, error);
}

}  // namespace

MountOption parse_mount_option(std::string_view text) {
    std::string_view rest = text;
    const auto patience = take_off_patience(rest, text);
    const bool uncached = take_off(rest, ":uncached"), read_only = take_off(rest, ":ro");
    MountOption option = split("--mount", text, rest, "HOSTDIR:/path or HOSTDIR:/path:ro, and :uncached or :patience=SECONDS behind it if wanted");
    option.patience = patience;
    option.uncached = uncached;
    option.read_only = read_only;
    const auto status = status_of(option.source);
    if (!std::filesystem::exists(status)) refuse("--mount", text, fmt::format("there is no folder {}", option.source));
    if (!std::filesystem::is_directory(status)) refuse("--mount", text, fmt::format("{} is not a folder", option.source));
    return option;
}

MountOption parse_volume_option(std::string_view text) {
    std::string_view rest = text;
    const bool read_only = take_off(rest, ":ro");
    MountOption option = split("--volume", text, rest, "FILE:/path or FILE:/path:ro");
    option.read_only = read_only;
    const auto status = status_of(option.source);
    if (!std::filesystem::exists(status))
        refuse("--volume", text, fmt::format("there is no file {0}; `eremite volume create {0} --size 1G` makes one", option.source));
    if (!std::filesystem::is_regular_file(status) && !std::filesystem::is_block_file(status))
        refuse("--volume", text, fmt::format("{} is neither a file nor a disk; --mount is for folders", option.source));
    if (::access(option.source.c_str(), R_OK) != 0) refuse("--volume", text, fmt::format("{} cannot be read", option.source));
    if (!option.read_only && ::access(option.source.c_str(), W_OK) != 0)
        refuse("--volume", text, fmt::format("{} cannot be written; :ro mounts it read-only", option.source));
    return option;
}

}  // namespace eremite::cli
