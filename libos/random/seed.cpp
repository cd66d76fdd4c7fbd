#include "libos/random/seed.hpp"

#include <cstring>

#include "libos/arch/cpu.hpp"
#include "libos/drivers/virtio_rng.hpp"
#include "libos/log/log.hpp"
#include "libos/random/random.hpp"

namespace eremite::random {

namespace {

constexpr size_t seed_size = 32;

bool seed_from_cpu() {
    uint64_t words[seed_size / 8];
    for (uint64_t& word : words) {
        const auto value = arch::hardware_random();
        if (!value) return false;
        word = *value;
    }
    uint8_t bytes[seed_size];
    std::memcpy(bytes, words, seed_size);
    add_seed(bytes, true);
    return true;
}

bool seed_from_virtio() {
    uint8_t bytes[seed_size];
    if (!drivers::read_virtio_entropy(bytes).ok()) return false;
    add_seed(bytes, true);
    return true;
}

}  // namespace

void seed_from_hardware() {
    // The counter is no entropy to speak of, but it keeps two images with the same seed apart.
    uint8_t jitter[8];
    const uint64_t now = arch::cycle_counter();
    std::memcpy(jitter, &now, sizeof jitter);
    add_seed(jitter, false);
    const bool from_cpu = seed_from_cpu();
    const bool from_virtio = !from_cpu && seed_from_virtio();
    if (from_cpu) log::debug("random: seeded by the CPU");
    else if (from_virtio) log::debug("random: seeded by virtio-rng");
    else log::error("NO SOURCE OF ENTROPY: random numbers are predictable; use a CPU with RDRAND or add a virtio-rng device");
}

}  // namespace eremite::random
