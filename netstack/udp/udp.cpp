#include "netstack/udp/udp.hpp"

#include <algorithm>

#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"
#include "netstack/wire/udp.hpp"

namespace eremite::net {

void UdpLayer::receive(const IpReceived& ip, Packet&& packet) {
    if (!packet.pull_up(ip.payload_offset + sizeof(UdpHeader))) return stack_.count(Drop::TooShort);
    // SAFETY: it is made of bytes, and all of them are there.
    const auto& header = *reinterpret_cast<const UdpHeader*>(&packet.front()[ip.payload_offset]);
    const size_t length = header.length;
    if (length < sizeof(UdpHeader) || ip.payload_offset + length > packet.length()) return stack_.count(Drop::BadLength);
    if (header.checksum.raw() == 0) {
        // Only IPv4 allows none (RFC 8200 section 8.1).
        if (!ip.source.is_v4()) return stack_.count(Drop::BadChecksum);
    } else if (packet.offload().checksum == ChecksumState::Unknown) {
        ChecksumSum sum;
        sum.add_pseudo_header(ip.source, ip.destination, static_cast<uint8_t>(Protocol::Udp), static_cast<uint32_t>(length));
        packet.add_to(sum, ip.payload_offset, length);
        if (sum.checksum() != 0) return stack_.count(Drop::BadChecksum);
    }
    if (header.destination_port == 0) return stack_.count(Drop::BadAddress);
    const Endpoint local{ip.destination, header.destination_port}, remote{ip.source, header.source_port};
    if (packet.length() > ip.payload_offset + length) packet.truncate(ip.payload_offset + length);
    const size_t headers = ip.payload_offset + sizeof(UdpHeader);
    if (ip.to_group) {
        // Each socket that wants it gets it.
        for (UdpSocket& socket : bucket(local.port)) {
            if (socket.match(local, remote) < 0) continue;
            deliver(socket, ip, local, remote, packet, headers);
        }
        return;
    }
    UdpSocket* socket = find(local, remote);
    if (!socket) {
        stack_.count(Drop::NoListener);
        return stack_.ip().report_port_unreachable(ip, packet);
    }
    if (packet.offload().segmentation == Segmentation::Udp) [[unlikely]] return deliver(*socket, ip, local, remote, packet, headers);
    packet.remove_front(headers);
    socket->deliver(ip, local, remote, 0, std::move(packet));
}

void UdpLayer::deliver(UdpSocket& socket, const IpReceived& ip, const Endpoint& local, const Endpoint& remote, const Packet& packet, size_t headers) {
    const Offload& offload = packet.offload();
    const size_t all = packet.length() - headers;
    const uint16_t segment = offload.segmentation == Segmentation::Udp && all > offload.segment_size ? offload.segment_size : uint16_t{0};
    const size_t most = segment == 0 || socket.options.joined ? all : segment;
    size_t done = 0;
    do {
        const size_t length = std::min(most, all - done);
        Packet datagram = packet.share(headers + done, length);
        if (!datagram) return stack_.count(Drop::NoMemory);
        socket.deliver(ip, local, remote, length > segment ? segment : uint16_t{0}, std::move(datagram));
        done += length;
    } while (done < all);
}

UdpSocket* UdpLayer::find(const Endpoint& local, const Endpoint& remote) {
    UdpSocket* best = nullptr;
    int best_score = -1;
    uint32_t equals = 0;
    for (UdpSocket& socket : bucket(local.port)) {
        const int score = socket.match(local, remote);
        if (score < 0 || score < best_score) continue;
        if (score > best_score) {
            best = &socket;
            best_score = score;
            equals = 1;
            continue;
        }
        // Of those that share the port each gets its part of the flows, always the same.
        const uint64_t hash = KeyedHash{stack_.secret()}.add(remote.address.low()).add(uint64_t{remote.port} << 16 | local.port).finish();
        if ((hash >> 32) * ++equals >> 32 == 0) best = &socket;
    }
    return best;
}

void UdpLayer::receive_error(const Endpoint& local, const Endpoint& remote, int error) {
    UdpSocket* socket = find(local, remote);
    // Only connected sockets hear of errors: others could not say of which peer (udp(7)).
    if (!socket || !socket->connected()) return;
    socket->error_ = error;
    socket->observer_.notify(event::error | event::readable | event::writable);
}

bool UdpLayer::can_bind(const UdpSocket& socket, const Endpoint& local) {
    for (const UdpSocket& other : bucket(local.port)) {
        if (&other == &socket || other.local_.port != local.port || (other.options.reuse && socket.options.reuse)) continue;
        if (addresses_overlap(other.local_.address, other.options.v6_only, local.address, socket.options.v6_only)) return false;
    }
    return true;
}

Result<uint16_t> UdpLayer::ephemeral_port(const UdpSocket& socket, const IpAddress& address) {
    if (const uint16_t port = stack_.any_port([&](uint16_t p) { return can_bind(socket, {address, p}); })) return port;
    return Error{EADDRINUSE};
}

}  // namespace eremite::net
