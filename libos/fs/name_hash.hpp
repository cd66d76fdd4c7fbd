#pragma once
// Names in directories: hash and equality, eight bytes at a time and without calls.
#include <cstdint>
#include <string_view>

namespace eremite::fs {

template <typename Word>
[[nodiscard]] inline Word load_word(const char* at) {
    Word word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

// The `size` bytes at `at`, zeros behind them. Requires: size < 8.
[[nodiscard]] inline uint64_t load_tail(const char* at, size_t size) {
    uint64_t word = 0;
    unsigned bits = 0;
    if (size & 4) word = load_word<uint32_t>(at), at += 4, bits = 32;
    if (size & 2) word |= uint64_t{load_word<uint16_t>(at)} << bits, at += 2, bits += 16;
    if (size & 1) word |= uint64_t{load_word<uint8_t>(at)} << bits;
    return word;
}

// FNV-1a (draft-eastlake-fnv) over words, the last one filled up with zeros; folded because the buckets use the low bits.
class NameHash {
public:
    void add(uint64_t word) {
        hash_ = (hash_ ^ word) * 1099511628211U;
        hash_ ^= hash_ >> 32;
    }
    [[nodiscard]] uint32_t value() const { return static_cast<uint32_t>(hash_ ^ hash_ >> 16); }

private:
    uint64_t hash_ = 14695981039346656037U;
};

[[nodiscard]] inline uint32_t hash_name(std::string_view name) {
    NameHash hash;
    const char* at = name.data();
    size_t rest = name.size();
    for (; rest >= 8; rest -= 8, at += 8) hash.add(load_word<uint64_t>(at));
    if (rest > 0) hash.add(load_tail(at, rest));
    return hash.value();
}

struct Component {
    size_t length;
    uint32_t hash;
};

// The path up to the first slash, or all of it, and what hash_name() makes of that.
[[nodiscard]] inline Component first_component(std::string_view path) {
    constexpr uint64_t ones = 0x0101010101010101;
    NameHash hash;
    const char* at = path.data();
    size_t rest = path.size();
    for (;;) {
        const uint64_t word = rest >= 8 ? load_word<uint64_t>(at) : load_tail(at, rest);
        const uint64_t differences = word ^ ones * '/';
        // Zero bytes are marked, and maybe such behind the first of them.
        if (const uint64_t zeros = (differences - ones) & ~differences & ones << 7; zeros != 0) {
            const unsigned bits = static_cast<unsigned>(__builtin_ctzll(zeros)) & ~7U;
            if (bits != 0) hash.add(word & ((uint64_t{1} << bits) - 1));
            return {static_cast<size_t>(at - path.data()) + bits / 8, hash.value()};
        }
        if (rest < 8) {
            if (rest != 0) hash.add(word);
            return {path.size(), hash.value()};
        }
        hash.add(word);
        at += 8;
        rest -= 8;
    }
}

// Of names of the same length.
[[nodiscard]] inline bool same_name(const char* a, const char* b, size_t length) {
    if (length < 8) return load_tail(a, length) == load_tail(b, length);
    // The last words overlap those before them.
    for (size_t at = 0; at + 8 < length; at += 8)
        if (load_word<uint64_t>(a + at) != load_word<uint64_t>(b + at)) return false;
    return load_word<uint64_t>(a + length - 8) == load_word<uint64_t>(b + length - 8);
}

}  // namespace eremite::fs
