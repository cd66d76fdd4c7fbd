#pragma once
// Structures that programs and the kernel exchange, described by their fields.
#include <cstdint>

#include "base/address.hpp"
#include "base/format.hpp"
#include "libos/trace/kind.hpp"

namespace eremite::trace {

// How many of a structure stand at the address.
enum class Number : uint8_t { One, Fixed, NextArgument, Result };
[[nodiscard]] Number number_of(Kind kind);

// "{tv_sec=1, tv_nsec=0}"; an array as "[{...}, {...}]", of which the first elements are shown; the pointer if nothing can be
// read there. Requires: is_structure(kind). `count`: for arrays whose number the call tells.
void write_structure(TextSink& out, Kind kind, VirtualAddress address, uint64_t count);

}  // namespace eremite::trace
