#pragma once
// Which files a monitor can open once its machine runs (landlock(7)): those of the folders that it shares.
#include <span>

namespace eremite::vmm::sandbox {

struct ReachableFolder {
    int descriptor = -1;
    bool read_only = false;
};

// From here on the calling thread, and those that it starts, open files beneath these folders only; what is open stays so. False: this kernel
// has no Landlock, and nothing has changed. Throws Error.
bool restrict_paths(std::span<const ReachableFolder> folders);

}  // namespace eremite::vmm::sandbox
