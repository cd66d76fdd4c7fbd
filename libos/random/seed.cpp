#include "libos/random/seed.hpp"

#include <cstring>

#include "libos/arch/cpu.hpp"
#include "libos/drivers/virtio_rng.hpp"
#include "libos/log/log.hpp"
#include "libos/random/random.hpp"

namespace eremite::random {

namespace {

constexpr size_t seed_size = 32;

}  // namespace

void seed_from_cpu() {
    // The counter is no entropy to speak of, but it keeps two images with the same seed apart.
    uint64_t words[seed_size / 8] = {arch::cycle_counter()};
    uint8_t bytes[seed_size];
    std::memcpy(bytes, words, seed_size);
    add_seed(bytes, false);
    for (uint64_t& word : words) {
        const auto value = arch::hardware_random();
        if (!value) return;
        word = *value;
    }
    std::memcpy(bytes, words, seed_size);
    add_seed(bytes, true);
}

void seed_from_devices() {
    if (seeded()) return;
    uint8_t bytes[seed_size];
    if (drivers::poll_virtio_entropy(bytes).ok()) {
        add_seed(bytes, true);
        return;
    }
    log::error("NO SOURCE OF ENTROPY: random numbers are predictable; use a CPU with RDRAND, or a virtio-rng device");
}

}  // namespace eremite::random
