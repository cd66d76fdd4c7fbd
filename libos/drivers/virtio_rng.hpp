#pragma once
// The virtio entropy device (virtio 1.2 section 5.4).
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace eremite::drivers {

// Fills `bytes` (at most 256) from the first entropy device. ENODEV: there is none; EIO: it misbehaves.
[[nodiscard]] Result<void> read_virtio_entropy(std::span<uint8_t> bytes);

}  // namespace eremite::drivers
