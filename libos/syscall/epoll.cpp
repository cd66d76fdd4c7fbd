#include "libos/syscall/epoll.hpp"

#include <climits>

#include "libos/ipc/epoll.hpp"
#include "libos/platform/clock.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"
#include "libos/syscall/timespec.hpp"
#include "libos/syscall/wait_mask.hpp"

namespace eremite::syscall {

namespace {

Result<long> wait(int descriptor, VirtualAddress events, int most, Instant deadline) {
    if (most <= 0 || static_cast<size_t>(most) > INT_MAX / sizeof(epoll_event)) return Error{EINVAL};
    if (!in_user_space(events, static_cast<size_t>(most) * sizeof(epoll_event))) return Error{EFAULT};
    const Ref<fs::File> file = TRY(get_file(descriptor));
    ipc::Epoll* const epoll = ipc::Epoll::of(*file);
    if (!epoll) return Error{EINVAL};
    return static_cast<long>(TRY(epoll->wait(events, static_cast<size_t>(most), deadline)));
}

Instant deadline_in(int milliseconds) {
    return milliseconds < 0 ? Instant::never() : platform::monotonic_now() + Duration::milliseconds(milliseconds);
}

}  // namespace

Result<long> sys_epoll_create1(uint32_t flags) {
    if ((flags & ~uint32_t{EPOLL_CLOEXEC}) != 0) return Error{EINVAL};
    return static_cast<long>(TRY(process::current().files().add(TRY(ipc::create_epoll(0)), (flags & EPOLL_CLOEXEC) != 0)));
}

Result<long> sys_epoll_create(int size) {
    if (size <= 0) return Error{EINVAL};
    return sys_epoll_create1(0);
}

Result<long> sys_epoll_ctl(int descriptor, int operation, int target, VirtualAddress event) {
    epoll_event wanted{};
    if (operation != EPOLL_CTL_DEL) TRY(mm::copy_from_user(&wanted, event, sizeof wanted));
    const Ref<fs::File> file = TRY(get_file(descriptor));
    const Ref<fs::File> watched = TRY(get_file(target));
    if (!watched->readiness_source()) return Error{EPERM};
    ipc::Epoll* const epoll = ipc::Epoll::of(*file);
    if (!epoll) return Error{EINVAL};
    switch (operation) {
        case EPOLL_CTL_ADD: TRY(epoll->add(*watched, target, wanted)); return 0L;
        case EPOLL_CTL_MOD: TRY(epoll->modify(*watched, target, wanted)); return 0L;
        case EPOLL_CTL_DEL: TRY(epoll->remove(*watched, target)); return 0L;
        default: return Error{EINVAL};
    }
}

Result<long> sys_epoll_wait(int epoll, VirtualAddress events, int most, int timeout) { return wait(epoll, events, most, deadline_in(timeout)); }

Result<long> sys_epoll_pwait(int epoll, VirtualAddress events, int most, int timeout, VirtualAddress mask, size_t mask_size) {
    WaitMask wait_mask;
    TRY(wait_mask.set(mask, mask_size));
    return wait(epoll, events, most, deadline_in(timeout));
}

Result<long> sys_epoll_pwait2(int epoll, VirtualAddress events, int most, VirtualAddress timeout, VirtualAddress mask, size_t mask_size) {
    const Instant deadline = TRY(deadline_of(timeout));
    WaitMask wait_mask;
    TRY(wait_mask.set(mask, mask_size));
    return wait(epoll, events, most, deadline);
}

}  // namespace eremite::syscall
