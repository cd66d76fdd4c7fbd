#include "vmm/fs/entry_opener.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace eremite::vmm::fs {

namespace {

constexpr uint64_t stay_beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

int openat2(int folder, const char* name, int flags, mode_t mode) {
    const open_how how{.flags = static_cast<uint32_t>(flags), .mode = mode, .resolve = stay_beneath};
    return static_cast<int>(::syscall(SYS_openat2, folder, name, &how, sizeof how));
}

}  // namespace

// Kernels before 5.6, and some containers, have openat2(2) not.
EntryOpener::EntryOpener(int folder) : has_openat2_{UniqueFd{openat2(folder, ".", O_PATH | O_CLOEXEC, 0)}} {}

Result<UniqueFd> EntryOpener::open(int folder, const char* name, int flags, mode_t mode) const {
    flags |= O_NOFOLLOW | O_CLOEXEC;
    // A name is one component, and O_NOFOLLOW is about the last one: openat(2) leads nowhere else either.
    UniqueFd opened{has_openat2_ ? openat2(folder, name, flags, mode) : ::openat(folder, name, flags, mode)};
    if (!opened) return Error{errno};
    return opened;
}

}  // namespace eremite::vmm::fs
