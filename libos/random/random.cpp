#include "libos/random/random.hpp"

#include <algorithm>
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

}  // namespace

void fill(std::span<uint8_t> bytes) {
    const sync::Guard guard{lock};
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
    unsigned at = 0;
    for (uint8_t byte : bytes) {
        state[key_at + at / 4] ^= uint32_t{byte} << (at % 4 * 8);
        if (++at == key_words * 4) {
            erase_key();
            at = 0;
        }
    }
    erase_key();
    has_seed = has_seed || trusted;
}

bool seeded() { return has_seed; }

}  // namespace eremite::random
