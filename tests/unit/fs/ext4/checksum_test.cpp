#include "libos/fs/ext4/checksum.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace eremite::test {

namespace {

uint32_t bit_by_bit(uint32_t sum, std::span<const uint8_t> bytes) {
    for (const uint8_t byte : bytes) {
        sum ^= byte;
        for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1) * 0x82f63b78;
    }
    return sum;
}

}  // namespace

// RFC 3720, appendix B.4.
TEST(ChecksumTest, KnownOnes) {
    std::vector<uint8_t> bytes(32, 0);
    EXPECT_EQ(~fs::ext4::crc32c(~0u, bytes), 0x8a9136aau);
    bytes.assign(32, 0xff);
    EXPECT_EQ(~fs::ext4::crc32c(~0u, bytes), 0x62a8ab43u);
}

TEST(ChecksumTest, AnyBytesAtAnyPlace) {
    std::mt19937 random{1};
    std::vector<uint8_t> bytes(5000);
    for (unsigned round = 0; round < 1000; ++round) {
        // From zeros all through to hardly any.
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 100 < round % 4 * 2 ? random() : 0);
        const size_t first = random() % 100, count = random() % 4900;
        const auto piece = std::span{bytes}.subspan(first, count);
        const auto seed = static_cast<uint32_t>(random());
        ASSERT_EQ(fs::ext4::crc32c(seed, piece), bit_by_bit(seed, piece)) << first << ' ' << count;
    }
}

}  // namespace eremite::test
