#pragma once
// Integers in network byte order (RFC 1700, "Data Notations") that may stand at any address: the fields of all headers.
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace eremite::net {

static_assert(std::endian::native == std::endian::little, "loads and stores below swap bytes");

[[nodiscard]] constexpr uint16_t swap_bytes(uint16_t v) { return __builtin_bswap16(v); }
[[nodiscard]] constexpr uint32_t swap_bytes(uint32_t v) { return __builtin_bswap32(v); }
[[nodiscard]] constexpr uint64_t swap_bytes(uint64_t v) { return __builtin_bswap64(v); }

// Unaligned access in the machine's own order.
template <typename T>
[[nodiscard]] inline T load_raw(const void* at) {
    T value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}
template <typename T>
inline void store_raw(void* at, T value) { __builtin_memcpy(at, &value, sizeof value); }

template <std::unsigned_integral T>
[[nodiscard]] inline T load_big(const void* at) { return swap_bytes(load_raw<T>(at)); }
template <std::unsigned_integral T>
inline void store_big(void* at, T value) { store_raw(at, swap_bytes(value)); }

// Made of bytes, so that it has no alignment and aliases everything.
template <std::unsigned_integral T>
class BigEndian {
public:
    BigEndian() = default;
    BigEndian(T value) { store_big(bytes_, value); }
    operator T() const { return load_big<T>(bytes_); }
    // As it stands in memory.
    [[nodiscard]] T raw() const { return load_raw<T>(bytes_); }
    void set_raw(T value) { store_raw(bytes_, value); }

private:
    uint8_t bytes_[sizeof(T)];
};

using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;
static_assert(alignof(Be32) == 1 && sizeof(Be32) == 4);

}  // namespace eremite::net
