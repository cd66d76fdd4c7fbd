#pragma once
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
// Partial sums are kept unfolded, in the machine's byte order: the one's complement sum does not depend on it (RFC 1071, 2 (B)).
#include <cstddef>
#include <cstdint>
#include <span>

#include "netstack/wire/address.hpp"

namespace eremite::net {

class ChecksumSum {
public:
    constexpr ChecksumSum() = default;
    // Adds bytes that begin at an even offset of what is summed, or at an odd one after an odd number of bytes before.
    void add(std::span<const uint8_t> bytes);
    // A value of sixteen or thirty-two bits as it stands in memory, at an even offset.
    void add_raw(uint32_t value) { sum_ += value; }
    // The pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1), which both families sum alike.
    void add_pseudo_header(const IpAddress& source, const IpAddress& destination, uint8_t protocol, uint32_t length);
    [[nodiscard]] uint16_t folded() const;
    // As it is stored in the header, in memory order.
    [[nodiscard]] uint16_t checksum() const { return static_cast<uint16_t>(~folded()); }

private:
    uint64_t sum_ = 0;
    bool odd_ = false;
};

[[nodiscard]] inline uint16_t checksum_of(std::span<const uint8_t> bytes) {
    ChecksumSum sum;
    sum.add(bytes);
    return sum.checksum();
}

// Of an IPv4 header without options, as it stands in memory.
[[nodiscard]] inline uint16_t checksum_of_20(const uint8_t* header) {
    // Sums of 32-bit halves, which cannot overflow.
    const auto a = load_raw<uint64_t>(header), b = load_raw<uint64_t>(header + 8);
    uint64_t sum = (a & 0xffff'ffff) + (a >> 32) + (b & 0xffff'ffff) + (b >> 32) + load_raw<uint32_t>(header + 16);
    sum = (sum & 0xffff'ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~((sum & 0xffff) + (sum >> 16)));
}

// The checksum after one word changed from `before` to `after`; all in memory order (RFC 1624, equation 3).
[[nodiscard]] inline uint16_t updated_checksum(uint16_t checksum, uint16_t before, uint16_t after) {
    uint32_t sum = static_cast<uint16_t>(~checksum) + uint32_t{static_cast<uint16_t>(~before)} + after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

}  // namespace eremite::net
