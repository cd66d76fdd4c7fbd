#pragma once
// Arguments with what they point to.
#include <signal.h>

#include "base/address.hpp"
#include "base/format.hpp"
#include "libos/trace/call.hpp"

namespace eremite::trace {

// What the call fills is shown as it is when it has succeeded, else as a pointer.
void write_argument(TextSink& out, const Call& call, unsigned index, Argument argument);

// "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL}"
void write_signal_information(TextSink& out, const siginfo_t& information);
// "[3 5]": the descriptors of a set (select(2)) below `count`.
void write_fd_set(TextSink& out, VirtualAddress set, unsigned count);

}  // namespace eremite::trace
