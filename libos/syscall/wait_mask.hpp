#pragma once
// The signal mask that ppoll(2), pselect(2) and epoll_pwait(2) set for as long as they wait.
#include "libos/mm/user_memory.hpp"
#include "libos/sched/scheduler.hpp"

namespace eremite::syscall {

class WaitMask {
public:
    WaitMask() = default;
    WaitMask(const WaitMask&) = delete;
    WaitMask& operator=(const WaitMask&) = delete;
    ~WaitMask() {
        if (set_) sched::current_thread().blocked_signals = before_;
    }
    // A null `mask` leaves the thread's own. EINVAL, EFAULT.
    [[nodiscard]] Result<void> set(VirtualAddress mask, size_t size) {
        if (mask.value == 0) return {};
        if (size != sizeof(uint64_t)) return Error{EINVAL};
        const uint64_t wanted = TRY((mm::UserPtr<uint64_t>{mask}.load()));
        sched::Thread& thread = sched::current_thread();
        before_ = thread.blocked_signals;
        thread.blocked_signals = wanted;
        set_ = true;
        return {};
    }

private:
    uint64_t before_ = 0;
    bool set_ = false;
};

}  // namespace eremite::syscall
