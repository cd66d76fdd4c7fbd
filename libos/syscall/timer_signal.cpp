#include "libos/syscall/timer_signal.hpp"

#include <atomic>

#include "libos/log/log.hpp"

namespace eremite::syscall {

bool send_timer_signal(const siginfo_t& information, int) {
    static constinit std::atomic<bool> said{false};
    if (!said.exchange(true)) log::warn("signal {} of a timer is not sent", information.si_signo);
    return true;
}

}  // namespace eremite::syscall
