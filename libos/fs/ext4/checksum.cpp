#include "libos/fs/ext4/checksum.hpp"

#include <array>
#include <bit>

#include "libos/fs/name_hash.hpp"

namespace {

using Table = std::array<uint32_t, 256>;

// What a byte does to the checksum that so many bytes follow.
constexpr size_t word_size = sizeof(uint64_t), line_size = 64;

// Of the bytes in a word, and of those of a checksum at the beginning of a line of zeros, the last one first.
struct Tables {
    std::array<Table, word_size> word;
    std::array<Table, sizeof(uint32_t)> line;
};

constexpr Tables make_tables() {
    constexpr uint32_t polynomial = 0x82f63b78;  // reflected (RFC 3720, section 12.1)
    Table first{}, table{};
    for (uint32_t byte = 0; byte < first.size(); ++byte) {
        first[byte] = byte;
        for (int bit = 0; bit < 8; ++bit) first[byte] = first[byte] >> 1 ^ (first[byte] & 1) * polynomial;
    }
    Tables tables{};
    table = first;
    for (size_t following = 0; following < line_size; ++following) {
        if (following < word_size) tables.word[following] = table;
        if (following >= line_size - tables.line.size()) tables.line[following - (line_size - tables.line.size())] = table;
        for (uint32_t& entry : table) entry = entry >> 8 ^ first[entry & 0xff];
    }
    return tables;
}

constexpr Tables tables = make_tables();
static_assert(std::endian::native == std::endian::little);

// Several bytes at a time by a table for each of them ("slicing", Kounavis and Berry 2005).
template <size_t size>
uint32_t look_up(const std::array<Table, size>& table, uint64_t bytes) {
    uint32_t sum = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < size; ++i) sum ^= table[size - 1 - i][bytes >> 8 * i & 0xff];
    return sum;
}

}  // namespace

// Most of what a volume says about itself is zeros: lines of these are one step.
extern "C" uint32_t ext2fs_crc32c_le(uint32_t sum, const unsigned char* bytes, size_t size) {
    using eremite::fs::load_word;
    const char* at = reinterpret_cast<const char*>(bytes);
    for (; size >= line_size; size -= line_size, at += line_size) {
        uint64_t any = 0;
#pragma GCC unroll 8
        for (size_t i = 0; i < line_size; i += word_size) any |= load_word<uint64_t>(at + i);
        if (any == 0) {
            sum = look_up(tables.line, sum);
            continue;
        }
        for (size_t i = 0; i < line_size; i += word_size) sum = look_up(tables.word, load_word<uint64_t>(at + i) ^ sum);
    }
    for (; size >= word_size; size -= word_size, at += word_size) sum = look_up(tables.word, load_word<uint64_t>(at) ^ sum);
    for (; size > 0; --size, ++at) sum = sum >> 8 ^ tables.word[0][(sum ^ static_cast<uint8_t>(*at)) & 0xff];
    return sum;
}
