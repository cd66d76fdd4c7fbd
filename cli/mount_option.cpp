#include "cli/mount_option.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "cli/failure.hpp"

namespace eremite::cli {

MountOption parse_mount_option(std::string_view text) {
    constexpr std::string_view read_only = ":ro";
    MountOption option;
    std::string_view rest = text;
    if (rest.ends_with(read_only)) {
        option.read_only = true;
        rest.remove_suffix(read_only.size());
    }
    const size_t separator = rest.rfind(":/");
    if (separator == std::string_view::npos || separator == 0)
        throw Failure{exit_status::usage, fmt::format("run: --mount {}: write HOSTDIR:/path or HOSTDIR:/path:ro", text)};
    option.folder = rest.substr(0, separator);
    option.path = rest.substr(separator + 1);
    std::error_code error;
    const auto status = std::filesystem::status(option.folder, error);
    if (!std::filesystem::exists(status))
        throw Failure{exit_status::usage, fmt::format("run: --mount {}: there is no folder {}", text, option.folder)};
    if (!std::filesystem::is_directory(status))
        throw Failure{exit_status::usage, fmt::format("run: --mount {}: {} is not a folder", text, option.folder)};
    return option;
}

}  // namespace eremite::cli
