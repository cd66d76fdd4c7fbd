#include "libos/arch/x86_64/patch/encode.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "libos/arch/x86_64/patch/instruction_length.hpp"

namespace eremite::arch::patch {
namespace {

constexpr uint64_t gibi = uint64_t{1} << 30;

TEST(Encode, ShortJumpReaches) {
    const VirtualAddress site{0x401000};
    EXPECT_EQ(encode_short_jump(site, 0x401002), (ShortJump{0xeb, 0x00}));
    EXPECT_EQ(encode_short_jump(site, 0x401002 + 127), (ShortJump{0xeb, 0x7f}));
    EXPECT_EQ(encode_short_jump(site, 0x401002 - 128), (ShortJump{0xeb, 0x80}));
    EXPECT_EQ(encode_short_jump(site, 0x401002 + 128), std::nullopt);
    EXPECT_EQ(encode_short_jump(site, 0x401002 - 129), std::nullopt);
    EXPECT_EQ(encode_short_jump(site, 0x401002 + (uint64_t{1} << 32)), std::nullopt);
}

TEST(Encode, NearJumpReaches) {
    const VirtualAddress hole{8 * gibi};
    EXPECT_EQ(encode_near_jump(hole, hole + 5), (NearJump{0xe9, 0, 0, 0, 0}));
    EXPECT_EQ(encode_near_jump(hole, hole), (NearJump{0xe9, 0xfb, 0xff, 0xff, 0xff}));
    EXPECT_EQ(encode_near_jump(hole, hole + (5 + 2 * gibi - 1)), (NearJump{0xe9, 0xff, 0xff, 0xff, 0x7f}));
    EXPECT_EQ(encode_near_jump(hole, hole + (5 + 2 * gibi)), std::nullopt);
    EXPECT_EQ(encode_near_jump(hole, hole + 5 - 2 * gibi), (NearJump{0xe9, 0, 0, 0, 0x80}));
    EXPECT_EQ(encode_near_jump(hole, hole + 4 - 2 * gibi), std::nullopt);
}

TEST(Encode, TrampolineWithinReach) {
    const Trampoline t = encode_trampoline(0x10000, 0x10100, 0x20000);
    EXPECT_EQ((std::vector<uint8_t>{t.code().begin(), t.code().end()}),
              (std::vector<uint8_t>{0x48, 0x8d, 0x0d, 0xf9, 0x00, 0x00, 0x00, 0xe9, 0xf4, 0xff, 0x00, 0x00}));
    EXPECT_EQ(t.bytes[t.size], padding_fill);
}

TEST(Encode, TrampolineOutOfReach) {
    const Trampoline t = encode_trampoline(0x10000, 0x1122334455667788, 0x99aabbccddeeff00);
    EXPECT_EQ((std::vector<uint8_t>{t.code().begin(), t.code().end()}),
              (std::vector<uint8_t>{0x48, 0xb9, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xff, 0x25,
                                    0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99}));
}

TEST(Encode, TrampolineMixesBothForms) {
    const VirtualAddress at{4 * gibi};
    for (const VirtualAddress return_address : {at + 64, at + 4 * gibi}) {
        for (const VirtualAddress entry : {at - 4096, at - 4 * gibi}) {
            const Trampoline t = encode_trampoline(at, return_address, entry);
            ASSERT_LE(t.size, trampoline_size);
            const Instruction first = decode_instruction(t.code());
            EXPECT_EQ(first.length, return_address == at + 64 ? 7 : 10);
            const Instruction second = decode_instruction(t.code().subspan(first.length));
            EXPECT_EQ(second.kind, InstructionClass::Jump);
            EXPECT_EQ(first.length + second.length + (second.length == 6 ? 8u : 0u), t.size);
        }
    }
}

TEST(Encode, AStoreAcrossCacheLinesIsNotAtomic) {
    EXPECT_TRUE(replaceable_atomically(0x40103e));
    EXPECT_FALSE(replaceable_atomically(0x40103f));
    EXPECT_TRUE(replaceable_atomically(0x401040));
}

}  // namespace
}  // namespace eremite::arch::patch
