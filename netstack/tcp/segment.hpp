#pragma once
// A received segment, parsed: what stands in its header, in host order, and where its data are.
#include "netstack/iface/ip.hpp"
#include "netstack/wire/tcp.hpp"

namespace eremite::net::tcp {

struct Segment {
    uint32_t sequence = 0;
    uint32_t acknowledgement = 0;
    uint32_t length = 0;  // of the data
    uint16_t window = 0;  // not scaled
    uint16_t urgent = 0;
    uint8_t flags = 0;
    uint8_t traffic_class = 0;
    uint16_t segment_size = 0;  // of the largest of the segments that a device joined; 0: not joined
    size_t headers = 0;         // bytes in front of the data, in the packet
    std::span<const uint8_t> options{};

    [[nodiscard]] bool has(uint8_t flag) const { return (flags & flag) != 0; }
    // What it takes of the sequence space.
    [[nodiscard]] uint32_t span() const { return length + has(TcpHeader::syn) + has(TcpHeader::fin); }
};

// Validates lengths and the checksum. `packet` begins with the IP header.
[[nodiscard]] Drop parse_segment(const IpReceived& ip, Packet& packet, Segment& segment, Endpoint& local, Endpoint& remote);

}  // namespace eremite::net::tcp
