#pragma once
// The signal mask that ppoll(2), pselect(2) and epoll_pwait(2) set for as long as they wait.
#include "libos/mm/user_memory.hpp"
#include "libos/signal/signals.hpp"

namespace eremite::syscall {

class WaitMask {
public:
    WaitMask() = default;
    WaitMask(const WaitMask&) = delete;
    WaitMask& operator=(const WaitMask&) = delete;
    ~WaitMask() {
        if (!set_) return;
        // A signal that the wait's mask let through is delivered first; its handler's frame holds the mask before.
        sched::Thread& thread = sched::current_thread();
        if (thread.signal_due.load()) {
            thread.mask_after_wait = before_;
            thread.mask_replaced = true;
        } else {
            signal::set_mask(thread, before_);
        }
    }
    // A null `mask` leaves the thread's own. EINVAL, EFAULT.
    [[nodiscard]] Result<void> set(VirtualAddress mask, size_t size) {
        if (mask.value == 0) return {};
        if (size != sizeof(uint64_t)) return Error{EINVAL};
        const uint64_t wanted = TRY((mm::UserPtr<uint64_t>{mask}.load()));
        sched::Thread& thread = sched::current_thread();
        before_ = thread.blocked_signals;
        set_ = true;
        signal::set_mask(thread, wanted);
        return {};
    }

private:
    uint64_t before_ = 0;
    bool set_ = false;
};

}  // namespace eremite::syscall
