#include "vmm/fs/thread.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace eremite::vmm::fs {

namespace {

bool leave_the_others(int descriptors) {
    sigset_t too_large;
    sigemptyset(&too_large);
    sigaddset(&too_large, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &too_large, nullptr);
    // The system call is about this thread, the library's function about all. A container may forbid it, where it also gave us no groups.
    if (::geteuid() == 0) (void)::syscall(SYS_setgroups, 0, nullptr);
    if (::unshare(CLONE_FS) != 0) return false;
    ::umask(0);
    return ::fchdir(descriptors) == 0;
}

}  // namespace

Result<void> prepare_thread(int descriptors) {
    static thread_local std::optional<bool> prepared;
    if (!prepared) prepared = leave_the_others(descriptors);
    return *prepared ? Result<void>{} : Error{EOPNOTSUPP};
}

// setfsuid(2) is about this thread, takes the rights of root over files away with its identity, and tells of failure only when asked.
ActAs::ActAs(uid_t user, gid_t group) : changed_{true} {
    constexpr auto nobody = static_cast<uid_t>(-1);
    ::setfsgid(group);
    ::setfsuid(user);
    const auto is_user = static_cast<uid_t>(::setfsuid(nobody)), is_group = static_cast<gid_t>(::setfsgid(nobody));
    possible_ = user != nobody && group != nobody && is_user == user && is_group == group;
}

ActAs::~ActAs() {
    if (!changed_) return;
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
}

}  // namespace eremite::vmm::fs
