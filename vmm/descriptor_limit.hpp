#pragma once
#include <cstddef>

namespace eremite::vmm {

// How many descriptors this process can have open, after it has asked for as many as it may. At least 64, at most 2^20.
[[nodiscard]] size_t raise_descriptor_limit();

}  // namespace eremite::vmm
