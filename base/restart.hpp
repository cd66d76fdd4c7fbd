#pragma once
// How a system call ends inside the kernel when a signal interrupted its wait (Linux's ERESTARTSYS and its like). The
// program never sees these: on the way back it is EINTR, or the call is made again (signal(7)).
#include <cstdint>

namespace eremite {

inline constexpr int restart_if_asked = 512;    // again after a handler with SA_RESTART
inline constexpr int restart_always = 513;      // again after any handler
inline constexpr int restart_no_handler = 514;  // EINTR after any handler

[[nodiscard]] constexpr bool is_restart(int64_t code) { return code >= restart_if_asked && code <= restart_no_handler; }

}  // namespace eremite
