// The functions that GCC calls on its own account in freestanding code (GCC manual, "Standards"), and the few of
// <cstring> that our headers use. Eight bytes at a time; `rep movsb` goes a byte at a time under emulators.
#include <cstddef>
#include <cstdint>

namespace {

// An integer that may alias anything and stand at any address.
using Word [[gnu::may_alias, gnu::aligned(1)]] = uint64_t;
using HalfWord [[gnu::may_alias, gnu::aligned(1)]] = uint32_t;
using QuarterWord [[gnu::may_alias, gnu::aligned(1)]] = uint16_t;

constexpr uint64_t ones = 0x0101010101010101;

}  // namespace

extern "C" {

void* memcpy(void* destination, const void* source, size_t size) {
    auto* to = static_cast<uint8_t*>(destination);
    auto* from = static_cast<const uint8_t*>(source);
    for (; size >= 4 * sizeof(Word); size -= 4 * sizeof(Word), to += 4 * sizeof(Word), from += 4 * sizeof(Word)) {
#pragma GCC unroll 4
        for (size_t i = 0; i < 4 * sizeof(Word); i += sizeof(Word)) *reinterpret_cast<Word*>(to + i) = *reinterpret_cast<const Word*>(from + i);
    }
    for (; size >= 8; size -= 8, to += 8, from += 8) *reinterpret_cast<Word*>(to) = *reinterpret_cast<const Word*>(from);
    if (size & 4) {
        *reinterpret_cast<HalfWord*>(to) = *reinterpret_cast<const HalfWord*>(from);
        to += 4, from += 4;
    }
    if (size & 2) {
        *reinterpret_cast<QuarterWord*>(to) = *reinterpret_cast<const QuarterWord*>(from);
        to += 2, from += 2;
    }
    if (size & 1) *to = *from;
    return destination;
}

void* memmove(void* destination, const void* source, size_t size) {
    auto* to = static_cast<uint8_t*>(destination);
    auto* from = static_cast<const uint8_t*>(source);
    if (to <= from || to >= from + size) return memcpy(destination, source, size);
    while (size >= 8) {
        size -= 8;
        *reinterpret_cast<Word*>(to + size) = *reinterpret_cast<const Word*>(from + size);
    }
    while (size > 0) {
        --size;
        to[size] = from[size];
    }
    return destination;
}

void* memset(void* destination, int value, size_t size) {
    auto* to = static_cast<uint8_t*>(destination);
    const uint64_t word = ones * static_cast<uint8_t>(value);
    for (; size >= 4 * sizeof(Word); size -= 4 * sizeof(Word), to += 4 * sizeof(Word)) {
#pragma GCC unroll 4
        for (size_t i = 0; i < 4 * sizeof(Word); i += sizeof(Word)) *reinterpret_cast<Word*>(to + i) = word;
    }
    for (; size >= 8; size -= 8, to += 8) *reinterpret_cast<Word*>(to) = word;
    for (; size > 0; --size) *to++ = static_cast<uint8_t>(value);
    return destination;
}

int memcmp(const void* left, const void* right, size_t size) {
    auto* a = static_cast<const uint8_t*>(left);
    auto* b = static_cast<const uint8_t*>(right);
    for (; size >= 4 * sizeof(Word); size -= 4 * sizeof(Word), a += 4 * sizeof(Word), b += 4 * sizeof(Word)) {
        uint64_t differences = 0;
#pragma GCC unroll 4
        for (size_t i = 0; i < 4 * sizeof(Word); i += sizeof(Word))
            differences |= *reinterpret_cast<const Word*>(a + i) ^ *reinterpret_cast<const Word*>(b + i);
        if (differences != 0) break;
    }
    for (; size >= 8 && *reinterpret_cast<const Word*>(a) == *reinterpret_cast<const Word*>(b); size -= 8, a += 8, b += 8) {}
    if (size >= 4 && *reinterpret_cast<const HalfWord*>(a) == *reinterpret_cast<const HalfWord*>(b)) size -= 4, a += 4, b += 4;
    for (; size > 0; --size, ++a, ++b)
        if (*a != *b) return *a < *b ? -1 : 1;
    return 0;
}

void* memchr(const void* bytes, int value, size_t size) {
    auto* at = static_cast<const uint8_t*>(bytes);
    const uint64_t pattern = ones * static_cast<uint8_t>(value);
    for (; size >= 8; size -= 8, at += 8) {
        // A byte borrows from the next one only if it is zero itself, so the lowest mark is right.
        const uint64_t differences = *reinterpret_cast<const Word*>(at) ^ pattern;
        const uint64_t zeros = (differences - ones) & ~differences & (ones << 7);
        if (zeros != 0) return const_cast<uint8_t*>(at) + __builtin_ctzll(zeros) / 8;
    }
    if (size >= 4) {
        const uint32_t differences = *reinterpret_cast<const HalfWord*>(at) ^ static_cast<uint32_t>(pattern);
        const uint32_t zeros = (differences - static_cast<uint32_t>(ones)) & ~differences & static_cast<uint32_t>(ones << 7);
        if (zeros != 0) return const_cast<uint8_t*>(at) + __builtin_ctz(zeros) / 8;
        at += 4, size -= 4;
    }
    for (; size > 0; --size, ++at)
        if (*at == static_cast<uint8_t>(value)) return const_cast<uint8_t*>(at);
    return nullptr;
}

size_t strlen(const char* text) {
    size_t length = 0;
    while (text[length] != 0) ++length;
    return length;
}

}  // extern "C"
