#pragma once
// Addresses of links and of IP. IPv4 addresses are kept as IPv4-mapped IPv6 addresses (RFC 4291 section 2.5.5.2), so that flows
// of both families have one type of key.
#include <array>
#include <cstdint>

#include "netstack/wire/byte_order.hpp"

namespace eremite::net {

struct MacAddress {
    std::array<uint8_t, 6> bytes{};
    constexpr bool operator==(const MacAddress&) const = default;
    [[nodiscard]] bool is_group() const { return (bytes[0] & 1) != 0; }
    [[nodiscard]] bool is_zero() const { return *this == MacAddress{}; }
    [[nodiscard]] static MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
};
static_assert(sizeof(MacAddress) == 6 && alignof(MacAddress) == 1);

// In host order.
struct Ipv4Address {
    uint32_t value = 0;
    constexpr auto operator<=>(const Ipv4Address&) const = default;
    [[nodiscard]] static constexpr Ipv4Address of(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
        return {uint32_t{a} << 24 | uint32_t{b} << 16 | uint32_t{c} << 8 | d};
    }
    [[nodiscard]] constexpr bool is_unspecified() const { return value == 0; }
    [[nodiscard]] constexpr bool is_loopback() const { return value >> 24 == 127; }
    [[nodiscard]] constexpr bool is_multicast() const { return value >> 28 == 0xe; }
    [[nodiscard]] constexpr bool is_broadcast() const { return value == 0xffff'ffff; }
};

class IpAddress {
public:
    constexpr IpAddress() = default;
    IpAddress(Ipv4Address v4) { store_big<uint32_t>(&bytes_[12], v4.value), bytes_[10] = bytes_[11] = 0xff; }
    explicit constexpr IpAddress(const std::array<uint8_t, 16>& bytes) : bytes_{bytes} {}
    [[nodiscard]] static IpAddress from_bytes(const uint8_t* bytes) {
        IpAddress a;
        __builtin_memcpy(a.bytes_.data(), bytes, 16);
        return a;
    }
    // Eight groups of sixteen bits, as they are written.
    [[nodiscard]] static constexpr IpAddress v6(const std::array<uint16_t, 8>& groups) {
        IpAddress a;
        for (unsigned i = 0; i < 8; ++i) {
            a.bytes_[2 * i] = static_cast<uint8_t>(groups[i] >> 8);
            a.bytes_[2 * i + 1] = static_cast<uint8_t>(groups[i]);
        }
        return a;
    }

    bool operator==(const IpAddress& o) const { return high() == o.high() && low() == o.low(); }
    [[nodiscard]] const std::array<uint8_t, 16>& bytes() const { return bytes_; }
    [[nodiscard]] std::array<uint8_t, 16>& bytes() { return bytes_; }
    // Both halves in the machine's order, for comparisons and hashes.
    [[nodiscard]] uint64_t high() const { return load_raw<uint64_t>(&bytes_[0]); }
    [[nodiscard]] uint64_t low() const { return load_raw<uint64_t>(&bytes_[8]); }

    [[nodiscard]] bool is_v4() const { return high() == 0 && load_big<uint32_t>(&bytes_[8]) == 0xffff; }
    // Requires: is_v4().
    [[nodiscard]] Ipv4Address v4() const { return {load_big<uint32_t>(&bytes_[12])}; }
    // Of either family.
    [[nodiscard]] bool is_unspecified() const { return high() == 0 && (low() == 0 || (is_v4() && v4().is_unspecified())); }
    [[nodiscard]] bool is_multicast() const { return is_v4() ? v4().is_multicast() : bytes_[0] == 0xff; }
    [[nodiscard]] bool is_loopback() const { return is_v4() ? v4().is_loopback() : high() == 0 && load_big<uint64_t>(&bytes_[8]) == 1; }
    [[nodiscard]] bool is_link_local() const { return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80; }

    // Whether the first `length` bits are those of `prefix`. IPv4 lengths count from the mapped part: 96 + length.
    [[nodiscard]] bool matches(const IpAddress& prefix, unsigned length) const {
        const unsigned whole = length / 8, rest = length % 8;
        if (__builtin_memcmp(bytes_.data(), prefix.bytes_.data(), whole) != 0) return false;
        if (rest == 0) return true;
        const uint8_t mask = static_cast<uint8_t>(0xff00 >> rest);
        return ((bytes_[whole] ^ prefix.bytes_[whole]) & mask) == 0;
    }

private:
    std::array<uint8_t, 16> bytes_{};
};
static_assert(sizeof(IpAddress) == 16);

inline constexpr unsigned v4_prefix_base = 96;

inline IpAddress any_v4() { return IpAddress{Ipv4Address{}}; }
inline constexpr IpAddress all_nodes = IpAddress::v6({0xff02, 0, 0, 0, 0, 0, 0, 1});
inline constexpr IpAddress all_routers = IpAddress::v6({0xff02, 0, 0, 0, 0, 0, 0, 2});
inline constexpr IpAddress loopback_v6 = IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 1});

// Whether somebody who takes what comes to `a` and another who takes what comes to `b` want some of the same. An unspecified address takes all of
// its family; that of IPv6 those of IPv4 too, unless told not to.
[[nodiscard]] inline bool addresses_overlap(const IpAddress& a, bool a_v6_only, const IpAddress& b, bool b_v6_only) {
    const bool any_a = a.is_unspecified(), any_b = b.is_unspecified();
    const bool takes_v4_a = a.is_v4() || (any_a && !a_v6_only), takes_v4_b = b.is_v4() || (any_b && !b_v6_only);
    const bool both_v4 = takes_v4_a && takes_v4_b, both_v6 = !a.is_v4() && !b.is_v4();
    return (both_v4 || both_v6) && (any_a || any_b || a == b);
}

// An address and a port: one end of a flow.
struct Endpoint {
    IpAddress address{};
    uint16_t port = 0;
    bool operator==(const Endpoint&) const = default;
};

}  // namespace eremite::net
