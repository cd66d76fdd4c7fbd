#pragma once
// Arguments and results whose meaning the rest of the call decides.
#include "base/format.hpp"
#include "libos/trace/call.hpp"

namespace eremite::trace {

// False: this call has no such argument.
[[nodiscard]] bool has_special_argument(const Call& call, unsigned index);
// Requires: has_special_argument.
void write_special_argument(TextSink& out, const Call& call, unsigned index);
// Requires: the call succeeded.
void write_special_result(TextSink& out, const Call& call);

}  // namespace eremite::trace
