#include "vmm/net/user_frame.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

namespace eremite::vmm::net {

namespace {

// RFC 791, RFC 8200, RFC 9293: where the fields are that matter here.
constexpr size_t ipv4_least = 20, ipv4_fragment_at = 6, ipv4_protocol_at = 9, ipv6_size = 40, ipv6_next_at = 6, tcp_flags_at = 13;
constexpr uint16_t more_fragments_and_offset = 0x3fff;
constexpr uint8_t syn = 0x02, ack = 0x10;

uint8_t byte_at(std::span<const std::byte> bytes, size_t at) { return at < bytes.size() ? std::to_integer<uint8_t>(bytes[at]) : uint8_t{0}; }
uint16_t word_at(std::span<const std::byte> bytes, size_t at) { return static_cast<uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1)); }

UserFrame kind_of_payload(uint8_t protocol, std::span<const std::byte> payload) {
    if (protocol != IPPROTO_TCP) return UserFrame::Sends;
    return (byte_at(payload, tcp_flags_at) & (syn | ack)) == syn ? UserFrame::Connects : UserFrame::Other;
}

}  // namespace

UserFrame kind_of(std::span<const std::byte> frame) {
    if (frame.size() < ETH_HLEN) return UserFrame::Refused;
    const std::span<const std::byte> packet = frame.subspan(ETH_HLEN);
    switch (word_at(frame, ETH_HLEN - 2)) {
        case ETH_P_ARP: return UserFrame::Other;
        case ETH_P_IP: {
            const size_t header = size_t{byte_at(packet, 0)} % 16 * 4;
            if (header < ipv4_least || header > packet.size() || (word_at(packet, ipv4_fragment_at) & more_fragments_and_offset) != 0)
                return UserFrame::Refused;
            return kind_of_payload(byte_at(packet, ipv4_protocol_at), packet.subspan(header));
        }
        case ETH_P_IPV6:
            if (packet.size() < ipv6_size) return UserFrame::Refused;
            return kind_of_payload(byte_at(packet, ipv6_next_at), packet.subspan(ipv6_size));
        default: return UserFrame::Refused;
    }
}

}  // namespace eremite::vmm::net
