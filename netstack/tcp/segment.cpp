#include "netstack/tcp/segment.hpp"

#include "netstack/wire/checksum.hpp"

namespace eremite::net::tcp {

Drop parse_segment(const IpReceived& ip, Packet& packet, Segment& segment, Endpoint& local, Endpoint& remote) {
    const size_t at = ip.payload_offset;
    if (packet.front().size() < at + sizeof(TcpHeader) && !packet.pull_up(at + sizeof(TcpHeader))) return Drop::TooShort;
    const size_t header_length = (packet.front()[at + offsetof(TcpHeader, data_offset)] >> 4) * size_t{4};
    if (header_length < sizeof(TcpHeader)) return Drop::BadLength;
    if (packet.front().size() < at + header_length && !packet.pull_up(at + header_length)) return Drop::TooShort;
    if (packet.offload().checksum == ChecksumState::Unknown) {
        const size_t length = packet.length() - at;
        ChecksumSum sum;
        sum.add_pseudo_header(ip.source, ip.destination, static_cast<uint8_t>(Protocol::Tcp), static_cast<uint32_t>(length));
        packet.add_to(sum, at, length);
        if (sum.checksum() != 0) return Drop::BadChecksum;
    }
    // SAFETY: it is made of bytes, and all of them are there.
    const auto& header = *reinterpret_cast<const TcpHeader*>(&packet.front()[at]);
    segment.sequence = header.sequence;
    segment.acknowledgement = header.acknowledgement;
    segment.window = header.window;
    segment.urgent = header.urgent;
    segment.flags = header.flags;
    segment.traffic_class = ip.traffic_class;
    segment.segment_size = packet.offload().segment_size;
    segment.headers = at + header_length;
    segment.length = static_cast<uint32_t>(packet.length() - segment.headers);
    segment.options = packet.front().subspan(at + sizeof(TcpHeader), header_length - sizeof(TcpHeader));
    local = {ip.destination, header.destination_port};
    remote = {ip.source, header.source_port};
    return Drop::None;
}

}  // namespace eremite::net::tcp
