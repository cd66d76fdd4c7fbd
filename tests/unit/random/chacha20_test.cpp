#include "libos/random/chacha20.hpp"

#include <gtest/gtest.h>

namespace eremite::random {
namespace {

// RFC 8439 section 2.1.1.
TEST(Chacha20, QuarterRound) {
    ChachaState s{0x11111111, 0x01020304, 0x9b8d6f43, 0x01234567};
    chacha_quarter_round(s, 0, 1, 2, 3);
    EXPECT_EQ(s, (ChachaState{0xea2a92f4, 0xcb1cf8ce, 0x4581472e, 0x5881c4bb}));
}

// Section 2.2.1: the words of the other columns stay.
TEST(Chacha20, QuarterRoundOnAState) {
    ChachaState s{0x879531e0, 0xc5ecf37d, 0x516461b1, 0xc9a62f8a, 0x44c20ef3, 0x3390af7f, 0xd9fc690b, 0x2a5f714c,
                  0x53372767, 0xb00a5631, 0x974c541a, 0x359e9963, 0x5c971061, 0x3d631689, 0x2098d9d6, 0x91dbd320};
    chacha_quarter_round(s, 2, 7, 8, 13);
    EXPECT_EQ(s, (ChachaState{0x879531e0, 0xc5ecf37d, 0xbdb886dc, 0xc9a62f8a, 0x44c20ef3, 0x3390af7f, 0xd9fc690b, 0xcfacafd2,
                              0xe46bea80, 0xb00a5631, 0x974c541a, 0x359e9963, 0x5c971061, 0xccc07c79, 0x2098d9d6, 0x91dbd320}));
}

// Section 2.3.2: key 00 to 1f, nonce 000000090000004a00000000, counter 1.
constexpr ChachaState section_2_3_2{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
                                    0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c, 0x00000001, 0x09000000, 0x4a000000, 0x00000000};
constexpr ChachaState section_2_3_2_block{0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
                                          0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9, 0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};

TEST(Chacha20, Block) {
    EXPECT_EQ(chacha_block(section_2_3_2), section_2_3_2_block);
}

static_assert(chacha_block(section_2_3_2) == section_2_3_2_block, "works at compile time");

// Appendix A.1, test vector 1: key, nonce and counter 0.
TEST(Chacha20, BlockOfZeros) {
    EXPECT_EQ(chacha_block({0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}),
              (ChachaState{0xade0b876, 0x903df1a0, 0xe56a5d40, 0x28bd8653, 0xb819d2bd, 0x1aed8da0, 0xccef36a8, 0xc70d778b,
                           0x7c5941da, 0x8d485751, 0x3fe02477, 0x374ad8b8, 0xf4b8436a, 0x1ca11815, 0x69b687c3, 0x8665eeb2}));
}

}  // namespace
}  // namespace eremite::random
