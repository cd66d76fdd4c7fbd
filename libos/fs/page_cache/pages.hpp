#pragma once
// Private to this folder.
#include <cstdint>

#include "base/address.hpp"

namespace eremite::fs {

[[nodiscard]] constexpr uint64_t pages_for(uint64_t bytes) { return bytes / page_size + (bytes % page_size != 0); }
[[nodiscard]] inline uint8_t* bytes_of(PhysicalAddress frame) { return direct_map(frame).as<uint8_t>(); }

}  // namespace eremite::fs
