#pragma once
// ICMP (RFC 792, RFC 1191), ICMPv6 (RFC 4443) and the messages of neighbour discovery (RFC 4861).
#include <span>

#include "netstack/wire/address.hpp"
#include "netstack/wire/drop.hpp"

namespace eremite::net {

struct IcmpHeader {
    uint8_t type;
    uint8_t code;
    Be16 checksum;
    Be32 rest;  // identifier and sequence, MTU or pointer
};
static_assert(sizeof(IcmpHeader) == 8);

namespace icmp4 {
inline constexpr uint8_t echo_reply = 0, unreachable = 3, redirect = 5, echo = 8, time_exceeded = 11, parameter_problem = 12;
inline constexpr uint8_t net_unreachable = 0, host_unreachable = 1, protocol_unreachable = 2, port_unreachable = 3, fragmentation_needed = 4;
}  // namespace icmp4

namespace icmp6 {
inline constexpr uint8_t unreachable = 1, packet_too_big = 2, time_exceeded = 3, parameter_problem = 4, echo = 128, echo_reply = 129;
inline constexpr uint8_t mld_query = 130, mld_report = 131, mld_done = 132, mld2_report = 143;
inline constexpr uint8_t router_solicitation = 133, router_advertisement = 134, neighbour_solicitation = 135, neighbour_advertisement = 136;
inline constexpr uint8_t redirect = 137;
inline constexpr uint8_t no_route = 0, prohibited = 1, address_unreachable = 3, port_unreachable = 4;
}  // namespace icmp6

// Solicitation and advertisement of a neighbour have one shape (RFC 4861 sections 4.3 and 4.4).
struct NeighbourMessage {
    static constexpr uint32_t is_router = 0x8000'0000, solicited = 0x4000'0000, override_entry = 0x2000'0000;
    IcmpHeader icmp;  // `rest` holds the flags
    std::array<uint8_t, 16> target;
};
static_assert(sizeof(NeighbourMessage) == 24);

// RFC 4861 section 4.2; `icmp.rest` is hop limit, flags and lifetime of the router.
struct RouterAdvertisement {
    IcmpHeader icmp;
    Be32 reachable_time;
    Be32 retransmission_time;
};
static_assert(sizeof(RouterAdvertisement) == 16);

// RFC 4861 section 4.6.2.
struct PrefixOption {
    static constexpr uint8_t on_link = 0x80, autonomous = 0x40;
    uint8_t type, length, prefix_length, flags;
    Be32 valid_lifetime, preferred_lifetime, reserved;
    std::array<uint8_t, 16> prefix;
};
static_assert(sizeof(PrefixOption) == 32);

// The options of a neighbour discovery message, of those that we use.
struct NdpOptions {
    static constexpr unsigned most_prefixes = 4;
    const MacAddress* source_link = nullptr;
    const MacAddress* target_link = nullptr;
    std::array<const PrefixOption*, most_prefixes> prefixes{};
    unsigned prefix_count = 0;
    uint32_t mtu = 0;
    // RFC 8106: recursive DNS servers, sixteen bytes each.
    std::span<const uint8_t> dns_servers{};
    uint32_t dns_lifetime = 0;
};
// RFC 4861 section 6.1: an option of length zero makes the message invalid.
[[nodiscard]] Drop parse_ndp_options(std::span<const uint8_t> bytes, NdpOptions& options);

}  // namespace eremite::net
