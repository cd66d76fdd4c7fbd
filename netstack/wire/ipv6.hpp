#pragma once
// IPv6 headers and the walk over extension headers (RFC 8200).
#include <span>

#include "netstack/wire/ipv4.hpp"

namespace eremite::net {

struct Ipv6Header {
    Be32 version_class_flow;
    Be16 payload_length;
    uint8_t next_header;
    uint8_t hop_limit;
    std::array<uint8_t, 16> source;
    std::array<uint8_t, 16> destination;

    [[nodiscard]] uint8_t traffic_class() const { return static_cast<uint8_t>(version_class_flow >> 20); }
};
static_assert(sizeof(Ipv6Header) == 40);

struct Ipv6FragmentHeader {
    uint8_t next_header;
    uint8_t reserved;
    Be16 offset_and_more;  // offset in the upper thirteen bits, "more" in the lowest
    Be32 identification;
};
static_assert(sizeof(Ipv6FragmentHeader) == 8);

inline constexpr size_t ipv6_minimum_mtu = 1280;

struct Ipv6View {
    const Ipv6Header* header = nullptr;
    size_t total_length = 0;     // header included
    size_t payload_offset = 0;   // of what `protocol` names
    uint8_t protocol = 0;        // the last next header: an upper layer, or Fragment
    size_t next_header_at = 0;   // where the value `protocol` was read, for parameter problems
    bool router_alert = false;
    // Why an unknown option or header makes the packet be dropped, for ICMP (RFC 8200 section 4.2).
    bool report_parameter_problem = false;
    uint8_t problem_code = 0;
    uint32_t problem_pointer = 0;
};

// Validates the fixed header and walks the extension headers up to an upper layer or a fragment header.
[[nodiscard]] Drop parse_ipv6(std::span<const uint8_t> contiguous, size_t packet_length, Ipv6View& view);

void write_ipv6(Ipv6Header& header, const IpAddress& source, const IpAddress& destination, Protocol next, size_t payload_length,
                uint8_t hop_limit, uint8_t traffic_class, uint32_t flow_label);

}  // namespace eremite::net
