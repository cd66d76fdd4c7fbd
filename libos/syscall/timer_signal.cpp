#include "libos/syscall/timer_signal.hpp"

#include "libos/signal/signals.hpp"

namespace eremite::syscall {

bool send_timer_signal(const siginfo_t& information, int thread) {
    const int number = information.si_signo;
    if (thread == 0) return !signal::is_pending(nullptr, number) && signal::send_to_process(information).ok();
    const auto sent = sched::with_thread(thread, [&](sched::Thread& target) -> Result<void> {
        if (signal::is_pending(&target, number)) return Error{EAGAIN};
        return signal::send_to_thread(target, information);
    });
    return sent.ok();
}

}  // namespace eremite::syscall
