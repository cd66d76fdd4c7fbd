// The functions that GCC calls on its own account in freestanding code (GCC manual, "Standards"), and the few of
// <cstring> that our headers use. Eight bytes at a time; `rep movsb` goes a byte at a time under emulators.
#include <cstddef>
#include <cstdint>

namespace {

// An integer that may alias anything and stand at any address.
using Word [[gnu::may_alias, gnu::aligned(1)]] = uint64_t;

}  // namespace

extern "C" {

void* memcpy(void* destination, const void* source, size_t size) {
    auto* to = static_cast<uint8_t*>(destination);
    auto* from = static_cast<const uint8_t*>(source);
    for (; size >= 8; size -= 8, to += 8, from += 8) *reinterpret_cast<Word*>(to) = *reinterpret_cast<const Word*>(from);
    for (; size > 0; --size) *to++ = *from++;
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
    const uint64_t word = uint64_t{0x0101010101010101} * static_cast<uint8_t>(value);
    for (; size >= 8; size -= 8, to += 8) *reinterpret_cast<Word*>(to) = word;
    for (; size > 0; --size) *to++ = static_cast<uint8_t>(value);
    return destination;
}

int memcmp(const void* left, const void* right, size_t size) {
    auto* a = static_cast<const uint8_t*>(left);
    auto* b = static_cast<const uint8_t*>(right);
    for (; size >= 8 && *reinterpret_cast<const Word*>(a) == *reinterpret_cast<const Word*>(b); size -= 8, a += 8, b += 8) {}
    for (; size > 0; --size, ++a, ++b)
        if (*a != *b) return *a < *b ? -1 : 1;
    return 0;
}

void* memchr(const void* bytes, int value, size_t size) {
    for (auto* at = static_cast<const uint8_t*>(bytes); size > 0; --size, ++at)
        if (*at == static_cast<uint8_t>(value)) return const_cast<uint8_t*>(at);
    return nullptr;
}

size_t strlen(const char* text) {
    size_t length = 0;
    while (text[length] != 0) ++length;
    return length;
}

}  // extern "C"
