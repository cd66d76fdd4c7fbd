#include "cli/mount_option.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

[[noreturn]] void refuse(std::string_view option, std::string_view text, const std::string& why) {
    throw Failure{exit_status::usage, fmt::format("run: {} {}: {}", option, text, why)};
}

// `what` is what the user writes before the colon.
MountOption split(std::string_view option, std::string_view text, std::string_view what) {
    constexpr std::string_view read_only = ":ro";
    MountOption mount;
    std::string_view rest = text;
    if (rest.ends_with(read_only)) {
        mount.read_only = true;
        rest.remove_suffix(read_only.size());
    }
    const size_t separator = rest.rfind(":/");
    if (separator == std::string_view::npos || separator == 0) refuse(option, text, fmt::format("write {0}:/path or {0}:/path:ro", what));
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
    MountOption option = split("--mount", text, "HOSTDIR");
    const auto status = status_of(option.source);
    if (!std::filesystem::exists(status)) refuse("--mount", text, fmt::format("there is no folder {}", option.source));
    if (!std::filesystem::is_directory(status)) refuse("--mount", text, fmt::format("{} is not a folder", option.source));
    return option;
}

MountOption parse_volume_option(std::string_view text) {
    MountOption option = split("--volume", text, "FILE");
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
