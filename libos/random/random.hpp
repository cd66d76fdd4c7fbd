#pragma once
// The kernel's random numbers: a ChaCha20 generator seeded from hardware.
#include <cstdint>
#include <span>

namespace eremite::random {

// Fills `bytes` with random numbers fit for keys once `seeded()`.
void fill(std::span<uint8_t> bytes);
// Whether an entropy source has seeded the generator. If not, the kernel said so loudly at boot.
[[nodiscard]] bool seeded();

}  // namespace eremite::random
