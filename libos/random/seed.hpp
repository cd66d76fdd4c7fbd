#pragma once
// Where the generator's seed comes from.
#include <cstdint>
#include <span>

namespace eremite::random {

// Mixes `bytes` into the generator. `trusted`: they hold at least 256 bits of entropy.
void add_seed(std::span<const uint8_t> bytes, bool trusted);

// From now on the generator is seeded with these 16 bytes whenever they are others than before: each of several copies of a machine has its own
// (abi/generation.hpp). They must stay.
void watch_identifier(const volatile uint8_t* identifier);

// Asks the CPU (RDSEED, RDRAND). Works before there is memory.
void seed_from_cpu();

// If the CPU had nothing, asks a virtio entropy device. If that has nothing either, says so at level error: program and
// operator must know that keys made here are weak.
void seed_from_devices();

}  // namespace eremite::random
