#pragma once
// How a thread works on files for a guest: with a working directory and a mask of permissions (umask(2)) of its own, and as the guest's user
// where it may be anybody.
#include <sys/types.h>

#include <cstdint>

#include "vmm/fs/result.hpp"

namespace eremite::vmm::fs {

// Makes the calling thread such a one, once. `descriptors`: the folder /proc/self/fd, which becomes its working directory. The modes of new
// files are then what the guest says, no signal tells of files that get too large, and root's groups do not count. EOPNOTSUPP: the kernel
// refuses that; such a thread works, but with the whole process's umask and without what needs the working directory.
[[nodiscard]] Result<void> prepare_thread(int descriptors);

// While it lives, what this thread makes belongs to a user and a group, and it may do what they may. For threads of root only.
class ActAs {
public:
    ActAs() = default;  // as who one is
    ActAs(uid_t user, gid_t group);
    ActAs(const ActAs&) = delete;
    ActAs& operator=(const ActAs&) = delete;
    ~ActAs();
    // EPERM: the thread cannot be these.
    [[nodiscard]] Result<void> check() const { return possible_ ? Result<void>{} : Error{EPERM}; }

private:
    bool changed_ = false, possible_ = true;
};

}  // namespace eremite::vmm::fs
