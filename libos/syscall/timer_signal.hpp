#pragma once
// The one place where timers of the program meet signals.
#include <signal.h>

namespace eremite::syscall {

// Sends `information.si_signo` to the thread, or to the process if `thread` is 0. Returns whether it was queued: false when
// the timer's last signal is still waiting. Called in the timer's interrupt, without a lock.
bool send_timer_signal(const siginfo_t& information, int thread);

}  // namespace eremite::syscall
