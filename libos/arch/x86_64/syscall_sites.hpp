#pragma once
// Patched call sites, for who has the program's registers in hand.
#include <optional>

#include "base/address.hpp"

namespace eremite::arch {

// The `syscall` that the instruction at `at` is part of, if that is one of the jumps that took its place (patch/patched_calls.hpp).
[[nodiscard]] std::optional<VirtualAddress> patched_site_of(VirtualAddress at);

}  // namespace eremite::arch
