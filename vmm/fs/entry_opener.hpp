#pragma once
// How an entry of a folder is opened: by one component of a name, without following anything.
#include <sys/types.h>

#include "vmm/fs/result.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::fs {

class EntryOpener {
public:
    // `folder`: any, to find out what the kernel can do.
    explicit EntryOpener(int folder);
    // Errors of openat2(2); ELOOP: a symbolic link, unless `flags` have O_PATH.
    [[nodiscard]] Result<UniqueFd> open(int folder, const char* name, int flags, mode_t mode = 0) const;

private:
    bool has_openat2_;
};

}  // namespace eremite::vmm::fs
