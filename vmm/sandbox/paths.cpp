#include "vmm/sandbox/paths.hpp"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::sandbox {

namespace {

constexpr uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// Those of the interface's first version, and what came later.
constexpr uint64_t first_rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
constexpr uint64_t refer = uint64_t{1} << 13, truncate = uint64_t{1} << 14, ioctl_of_devices = uint64_t{1} << 15;

uint64_t rights_of(long version) { return first_rights | (version >= 2 ? refer : 0) | (version >= 3 ? truncate : 0) | (version >= 5 ? ioctl_of_devices : 0); }

}  // namespace

bool restrict_paths(std::span<const ReachableFolder> folders) {
    const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return false;
    const landlock_ruleset_attr all{.handled_access_fs = rights_of(version)};
    const UniqueFd rules{static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0))};
    if (!rules) throw system_error("landlock_create_ruleset");
    for (const ReachableFolder& folder : folders) {
        landlock_path_beneath_attr rule{};
        rule.allowed_access = folder.read_only ? reading : all.handled_access_fs & ~(LANDLOCK_ACCESS_FS_EXECUTE | ioctl_of_devices);
        rule.parent_fd = folder.descriptor;
        if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) throw system_error("landlock_add_rule");
    }
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw system_error("prctl(PR_SET_NO_NEW_PRIVS)");
    if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) throw system_error("landlock_restrict_self");
    return true;
}

}  // namespace eremite::vmm::sandbox
