#pragma once
// The virtio entropy device (virtio 1.2 section 5.4).
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace eremite::drivers {

// Fills `bytes` (at most 512) from the first entropy device, waiting for it in a loop. For the boot, when no thread can wait.
// ENODEV: there is none; EIO: it misbehaves.
[[nodiscard]] Result<void> poll_virtio_entropy(std::span<uint8_t> bytes);

// Some bytes, at least one, as many as the device gives at once. The thread waits unless `nonblocking` (then EAGAIN). ENODEV, EIO
// as above; restart_if_asked: a signal came.
[[nodiscard]] Result<size_t> read_virtio_entropy(std::span<uint8_t> bytes, bool nonblocking);

}  // namespace eremite::drivers
