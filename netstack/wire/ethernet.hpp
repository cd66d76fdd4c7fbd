#pragma once
// Ethernet II frames (RFC 894) and ARP for IPv4 over them (RFC 826).
#include <cstdint>

#include "netstack/wire/address.hpp"

namespace eremite::net {

enum class EtherType : uint16_t { Ipv4 = 0x0800, Arp = 0x0806, Ipv6 = 0x86dd };

struct EthernetHeader {
    MacAddress destination;
    MacAddress source;
    Be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

struct ArpPacket {
    static constexpr uint16_t request = 1, reply = 2;
    Be16 hardware_type;  // 1: Ethernet
    Be16 protocol_type;
    uint8_t hardware_length;
    uint8_t protocol_length;
    Be16 operation;
    MacAddress sender_mac;
    Be32 sender_ip;
    MacAddress target_mac;
    Be32 target_ip;

    [[nodiscard]] bool valid() const {
        return hardware_type == 1 && protocol_type == static_cast<uint16_t>(EtherType::Ipv4) && hardware_length == 6 && protocol_length == 4;
    }
};
static_assert(sizeof(ArpPacket) == 28);

// Where multicast goes (RFC 1112 section 6.4, RFC 2464 section 7).
[[nodiscard]] inline MacAddress multicast_mac(const IpAddress& group) {
    const auto& b = group.bytes();
    if (group.is_v4()) return {{0x01, 0x00, 0x5e, static_cast<uint8_t>(b[13] & 0x7f), b[14], b[15]}};
    return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

}  // namespace eremite::net
