#pragma once
// Values by the names that programs know them by.
#include <cstdint>
#include <string_view>

#include "base/format.hpp"
#include "libos/trace/kind.hpp"

namespace eremite::trace {

// "O_RDONLY|O_CLOEXEC", "SEEK_SET"; what has no name as a number. Requires: is_names(kind).
void write_names(TextSink& out, Kind kind, uint64_t value);
// The name without what its set has in common: "SEGV" for SIGSEGV. Empty when there is none.
[[nodiscard]] std::string_view short_name(Kind kind, uint64_t value);

}  // namespace eremite::trace
