#pragma once
// Results of system calls that failed.
#include "base/format.hpp"

namespace eremite::trace {

// "-1 ENOENT (No such file or directory)", or "? ERESTARTSYS (...)" for a call that a signal interrupted.
void write_error(TextSink& out, int code);

}  // namespace eremite::trace
