#include "libos/random/random.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "libos/random/chacha20.hpp"
#include "libos/random/seed.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::random {

namespace {

constinit sync::Spinlock lock{sync::Rank::Random};
constinit ChachaState state{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};  // "expand 32-byte k", key, counter, nonce
constinit bool has_seed = false;

constexpr unsigned key_at = 4, key_words = 8, counter_at = 12;

// Every request ends by replacing the key with output nobody saw, so that a later leak of the state reveals no past output
// (D. J. Bernstein, "Fast-key-erasure random-number generators").
void erase_key() {
    const ChachaState block = chacha_block(state);
    std::copy_n(block.begin(), key_words, state.begin() + key_at);
    state[counter_at] = 0;
}

// What is watched, and as it was last.
constinit const volatile uint8_t* identifier = nullptr;
constinit std::array<uint8_t, 16> known_identifier{};

// Requires the lock, as do all below it.
void mix_in(std::span<const uint8_t> bytes) {
    unsigned at = 0;
    for (uint8_t byte : bytes) {
        state[key_at + at / 4] ^= uint32_t{byte} << (at % 4 * 8);
        if (++at == key_words * 4) {
            erase_key();
            at = 0;
        }
    }
    erase_key();
}

void look_at_identifier() {
    std::array<uint8_t, 16> now;
    for (size_t i = 0; i < now.size(); ++i) now[i] = identifier[i];
    if (now == known_identifier) return;
    known_identifier = now;
    mix_in(now);
}

}  // namespace

void fill(std::span<uint8_t> bytes) {
    const sync::Guard guard{lock};
    if (identifier) look_at_identifier();
    while (!bytes.empty()) {
        const ChachaState block = chacha_block(state);
        if (++state[counter_at] == 0) ++state[counter_at + 1];
        const size_t count = std::min(bytes.size(), sizeof(block));
        std::memcpy(bytes.data(), block.data(), count);
        bytes = bytes.subspan(count);
    }
    erase_key();
}

void add_seed(std::span<const uint8_t> bytes, bool trusted) {
    const sync::Guard guard{lock};
    mix_in(bytes);
    has_seed = has_seed || trusted;
}

void watch_identifier(const volatile uint8_t* place) {
    const sync::Guard guard{lock};
    identifier = place;
    look_at_identifier();
}

bool seeded() { return has_seed; }

}  // namespace eremite::random
