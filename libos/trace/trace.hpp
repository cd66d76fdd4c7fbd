#pragma once
// Shows the program's system calls and signals in the kernel log, as strace(1) does (kernel argument `trace=`).
#include <signal.h>

#include <string_view>

#include "base/result.hpp"

namespace eremite::trace {

// `value`: of the kernel argument, "syscalls" or "syscalls:PATTERN" (pattern.hpp). EINVAL: it is neither, which was said in the
// log. ENOTSUP: this image has no such component, which was said too. Requires: no system call was made yet.
[[nodiscard]] Result<void> start(std::string_view value);

// The running thread gets a signal.
void signal_delivered(const siginfo_t& information);
// The program ends by a signal.
void program_killed(int signal);

}  // namespace eremite::trace
