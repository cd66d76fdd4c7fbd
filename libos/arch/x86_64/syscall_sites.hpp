#pragma once
// Patched call sites, for who has the program's registers in hand.
#include <optional>

#include "base/address.hpp"

namespace eremite::arch {

// The `syscall` that the instruction at `at` is part of, if that is one of the jumps that took its place (patch/patched_calls.hpp).
[[nodiscard]] std::optional<VirtualAddress> patched_site_of(VirtualAddress at);

// Where a thread goes on that was stopped by the `int3` at `at`, if that stands for a `syscall` that is being patched (patch/encode.hpp).
[[nodiscard]] std::optional<VirtualAddress> behind_patched_site(VirtualAddress at);

}  // namespace eremite::arch
