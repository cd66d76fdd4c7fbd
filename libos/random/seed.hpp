#pragma once
// Where the generator's seed comes from.
#include <cstdint>
#include <span>

namespace eremite::random {

// Mixes `bytes` into the generator. `trusted`: they hold at least 256 bits of entropy.
void add_seed(std::span<const uint8_t> bytes, bool trusted);

// Asks every source there is (the CPU's RDSEED/RDRAND, a virtio entropy device). If none answers, says so at level error:
// program and operator must know that keys made here are weak.
void seed_from_hardware();

}  // namespace eremite::random
