#pragma once
// IPv4 headers (RFC 791), with the DS field of RFC 2474 and ECN of RFC 3168.
#include <span>

#include "netstack/wire/address.hpp"
#include "netstack/wire/drop.hpp"

namespace eremite::net {

enum class Protocol : uint8_t {
    HopByHop = 0,
    Icmp = 1,
    Igmp = 2,
    Tcp = 6,
    Udp = 17,
    Routing = 43,
    Fragment = 44,
    Icmpv6 = 58,
    NoNext = 59,
    Destination = 60
};

// The codepoints of the ECN field (RFC 3168 section 5).
inline constexpr uint8_t ecn_mask = 3, ecn_ect0 = 2, ecn_ect1 = 1, ecn_ce = 3;

struct Ipv4Header {
    static constexpr uint16_t dont_fragment = 0x4000, more_fragments = 0x2000, offset_mask = 0x1fff;
    uint8_t version_and_length;
    uint8_t traffic_class;
    Be16 total_length;
    Be16 identification;
    Be16 fragment;
    uint8_t ttl;
    uint8_t protocol;
    Be16 checksum;
    Be32 source;
    Be32 destination;

    [[nodiscard]] size_t header_length() const { return size_t{4} * (version_and_length & 0xf); }
    [[nodiscard]] bool is_fragment() const { return (fragment & (more_fragments | offset_mask)) != 0; }
};
static_assert(sizeof(Ipv4Header) == 20);

struct Ipv4View {
    const Ipv4Header* header = nullptr;
    size_t header_length = 0;
    size_t total_length = 0;
};

// `contiguous` are the packet's first bytes, of `packet_length` in all. Validates lengths, version, checksum and addresses.
[[nodiscard]] Drop parse_ipv4(std::span<const uint8_t> contiguous, size_t packet_length, Ipv4View& view);

// Fills in a header without options and its checksum.
void write_ipv4(Ipv4Header& header, const IpAddress& source, const IpAddress& destination, Protocol protocol, size_t total_length,
                uint8_t ttl, uint8_t traffic_class, uint16_t identification, uint16_t fragment);

}  // namespace eremite::net
