#include "netstack/wire/ipv4.hpp"

#include "netstack/wire/checksum.hpp"

namespace eremite::net {

Drop parse_ipv4(std::span<const uint8_t> contiguous, size_t packet_length, Ipv4View& view) {
    if (contiguous.size() < sizeof(Ipv4Header)) return Drop::TooShort;
    // SAFETY: a header is made of bytes, and all of them are there.
    const auto& header = *reinterpret_cast<const Ipv4Header*>(contiguous.data());
    if (header.version_and_length >> 4 != 4) return Drop::BadVersion;
    const size_t header_length = header.header_length(), total = header.total_length;
    if (header_length < sizeof(Ipv4Header) || header_length > contiguous.size()) return Drop::TooShort;
    if (total < header_length || total > packet_length) return Drop::BadLength;
    const uint16_t sum = header_length == sizeof(Ipv4Header) ? checksum_of_20(contiguous.data()) : checksum_of(contiguous.first(header_length));
    if (sum != 0) return Drop::BadChecksum;
    const Ipv4Address source{header.source};
    // RFC 1122 section 3.2.1.3: never a source.
    if (source.is_multicast() || source.is_broadcast()) return Drop::BadAddress;
    view = {&header, header_length, total};
    return Drop::None;
}

void write_ipv4(Ipv4Header& header, const IpAddress& source, const IpAddress& destination, Protocol protocol, size_t total_length,
                uint8_t ttl, uint8_t traffic_class, uint16_t identification, uint16_t fragment) {
    header.version_and_length = 0x45;
    header.traffic_class = traffic_class;
    header.total_length = static_cast<uint16_t>(total_length);
    header.identification = identification;
    header.fragment = fragment;
    header.ttl = ttl;
    header.protocol = static_cast<uint8_t>(protocol);
    header.checksum = 0;
    header.source = source.v4().value;
    header.destination = destination.v4().value;
    header.checksum.set_raw(checksum_of_20(&header.version_and_length));
}

}  // namespace eremite::net
