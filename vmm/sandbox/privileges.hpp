#pragma once
// What is left of root's rights to a monitor that root has started (capabilities(7)).
#include <cstdint>

namespace eremite::vmm::sandbox {

// Bits of capabilities: CAP_* of linux/capability.h.
[[nodiscard]] constexpr uint64_t capability(unsigned number) { return uint64_t{1} << number; }

// The calling thread, and those that it starts, have these at most from here on, for good. Throws Error.
void keep_capabilities(uint64_t kept);

}  // namespace eremite::vmm::sandbox
