#pragma once
// The ChaCha20 block function (RFC 8439 section 2.3).
#include <array>
#include <bit>
#include <cstdint>

namespace eremite::random {

using ChachaState = std::array<uint32_t, 16>;

constexpr void chacha_quarter_round(ChachaState& s, unsigned a, unsigned b, unsigned c, unsigned d) {
    s[a] += s[b]; s[d] = std::rotl(s[d] ^ s[a], 16);
    s[c] += s[d]; s[b] = std::rotl(s[b] ^ s[c], 12);
    s[a] += s[b]; s[d] = std::rotl(s[d] ^ s[a], 8);
    s[c] += s[d]; s[b] = std::rotl(s[b] ^ s[c], 7);
}

[[nodiscard]] constexpr ChachaState chacha_block(const ChachaState& input) {
    ChachaState s = input;
    for (int round = 0; round < 10; ++round) {
        chacha_quarter_round(s, 0, 4, 8, 12);
        chacha_quarter_round(s, 1, 5, 9, 13);
        chacha_quarter_round(s, 2, 6, 10, 14);
        chacha_quarter_round(s, 3, 7, 11, 15);
        chacha_quarter_round(s, 0, 5, 10, 15);
        chacha_quarter_round(s, 1, 6, 11, 12);
        chacha_quarter_round(s, 2, 7, 8, 13);
        chacha_quarter_round(s, 3, 4, 9, 14);
    }
    for (unsigned i = 0; i < 16; ++i) s[i] += input[i];
    return s;
}

}  // namespace eremite::random
