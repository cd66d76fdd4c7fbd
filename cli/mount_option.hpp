#pragma once
// `--mount HOSTDIR:/path[:ro][:uncached][:patience=SECONDS]`, a folder of the host that the program sees, and `--volume
// FILE:/path[:ro]`, a file that holds a file system.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eremite::cli {

struct MountOption {
    std::string source;  // a folder or a file of the host
    std::string path;    // in the machine, absolute
    bool read_only = false;
    bool uncached = false;
    std::optional<uint32_t> patience;  // seconds after which a server that takes nothing more is dead
};

// The last ":/" separates the two, so that a folder's name may hold colons. Throws Failure: not of that form, or no such folder.
MountOption parse_mount_option(std::string_view text);
// The same for a file, which must be writable if it is not mounted read-only.
MountOption parse_volume_option(std::string_view text);

}  // namespace eremite::cli
