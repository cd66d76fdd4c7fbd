#pragma once
// DHCP messages (RFC 2131) and their options (RFC 2132).
#include <span>

#include "netstack/wire/address.hpp"
#include "netstack/wire/drop.hpp"

namespace eremite::net {

enum class DhcpType : uint8_t { Discover = 1, Offer, Request, Decline, Ack, Nak, Release, Inform };

struct DhcpHeader {
    static constexpr uint32_t magic_value = 0x6382'5363;
    static constexpr uint16_t broadcast_flag = 0x8000;
    uint8_t operation;  // 1: to a server, 2: from one
    uint8_t hardware_type, hardware_length, hops;
    Be32 transaction;
    Be16 seconds, flags;
    Be32 client, yours, server, relay;
    MacAddress mac;
    uint8_t mac_padding[10];
    uint8_t server_name[64];
    uint8_t boot_file[128];
    Be32 magic;
};
static_assert(sizeof(DhcpHeader) == 240);

inline constexpr uint16_t dhcp_server_port = 67, dhcp_client_port = 68;

// What an offer or an acknowledgement says.
struct DhcpAnswer {
    DhcpType type{};
    uint32_t transaction = 0;
    MacAddress mac{};
    Ipv4Address address{}, server{}, router{};
    uint8_t prefix_length = 0;
    uint16_t mtu = 0;
    uint32_t lease = 0, renewal = 0, rebinding = 0;  // seconds; 0: not said
    std::array<Ipv4Address, 3> dns{};
    uint8_t dns_count = 0;
    std::span<const uint8_t> host_name{}, domain{};  // within the message
};
[[nodiscard]] Drop parse_dhcp(std::span<const uint8_t> message, DhcpAnswer& answer);

struct DhcpQuestion {
    DhcpType type{};
    uint32_t transaction = 0;
    uint16_t seconds = 0;
    MacAddress mac{};
    Ipv4Address client{};     // ours, where we may use it
    Ipv4Address requested{};  // unspecified: no such option
    Ipv4Address server{};
    std::span<const uint8_t> host_name{};
};
// Returns its length. Requires: room for dhcp_longest bytes; a host name of at most 64.
inline constexpr size_t dhcp_longest = sizeof(DhcpHeader) + 110;
[[nodiscard]] size_t write_dhcp(std::span<uint8_t> to, const DhcpQuestion& question);

}  // namespace eremite::net
