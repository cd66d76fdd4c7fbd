#pragma once
// SipHash-2-4 (Aumasson and Bernstein 2012): a hash that nobody can predict without the key, for flow tables, initial sequence
// numbers (RFC 6528) and SYN cookies; and a generator of random numbers made of it.
#include <array>
#include <bit>
#include <cstdint>
#include <span>

namespace eremite::net {

using HashKey = std::array<uint64_t, 2>;

class KeyedHash {
public:
    explicit constexpr KeyedHash(const HashKey& key)
        : v0_{key[0] ^ 0x736f6d6570736575},
          v1_{key[1] ^ 0x646f72616e646f6d},
          v2_{key[0] ^ 0x6c7967656e657261},
          v3_{key[1] ^ 0x7465646279746573} {}
    constexpr KeyedHash& add(uint64_t word) {
        v3_ ^= word;
        round();
        round();
        v0_ ^= word;
        bytes_ += 8;
        return *this;
    }
    [[nodiscard]] constexpr uint64_t finish() {
        add(uint64_t{bytes_ & 0xff} << 56);
        v2_ ^= 0xff;
        for (int i = 0; i < 4; ++i) round();
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

private:
    constexpr void round() {
        v0_ += v1_, v1_ = std::rotl(v1_, 13), v1_ ^= v0_, v0_ = std::rotl(v0_, 32);
        v2_ += v3_, v3_ = std::rotl(v3_, 16), v3_ ^= v2_;
        v0_ += v3_, v3_ = std::rotl(v3_, 21), v3_ ^= v0_;
        v2_ += v1_, v1_ = std::rotl(v1_, 17), v1_ ^= v2_, v2_ = std::rotl(v2_, 32);
    }
    uint64_t v0_, v1_, v2_, v3_;
    uint32_t bytes_ = 0;
};

class RandomNumbers {
public:
    explicit RandomNumbers(const HashKey& key) : key_{key} {}
    [[nodiscard]] uint64_t next() { return KeyedHash{key_}.add(++count_).finish(); }
    // Other numbers follow from now on, in a way that only who knows the seed can tell.
    void stir(uint64_t seed) { key_[0] = KeyedHash{key_}.add(seed).finish(); }
    [[nodiscard]] uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }

private:
    HashKey key_;
    uint64_t count_ = 0;
};

}  // namespace eremite::net
