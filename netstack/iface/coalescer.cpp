#include "netstack/iface/coalescer.hpp"

#include <cstring>

#include "netstack/iface/interface.hpp"
#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"
#include "netstack/wire/ipv4.hpp"
#include "netstack/wire/ipv6.hpp"
#include "netstack/wire/tcp.hpp"

namespace eremite::net {

// A TCP segment whose headers are contiguous, without extension headers, options of IP and padding.
struct Coalescer::Candidate {
    const uint8_t* ip = nullptr;
    size_t ip_length = 0;
    const TcpHeader* tcp = nullptr;
    size_t tcp_length = 0;
    size_t data = 0;  // bytes of it
    bool v6 = false;

    // False: something else.
    [[nodiscard]] bool parse(Packet& packet, bool is_v6) {
        v6 = is_v6;
        ip_length = v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
        const auto front = packet.front();
        if (front.size() < ip_length + sizeof(TcpHeader)) return false;
        ip = front.data();
        if (v6) {
            // SAFETY: headers are made of bytes, and all of them are there.
            const auto& header = *reinterpret_cast<const Ipv6Header*>(ip);
            if (header.next_header != static_cast<uint8_t>(Protocol::Tcp) || header.payload_length + sizeof header != packet.length()) return false;
        } else {
            const auto& header = *reinterpret_cast<const Ipv4Header*>(ip);
            if (header.version_and_length != 0x45 || header.protocol != static_cast<uint8_t>(Protocol::Tcp) || header.is_fragment() ||
                header.total_length != packet.length() || checksum_of_20(ip) != 0)
                return false;
        }
        tcp = reinterpret_cast<const TcpHeader*>(ip + ip_length);
        tcp_length = tcp->header_length();
        if (tcp_length < sizeof(TcpHeader) || front.size() < ip_length + tcp_length) return false;
        data = packet.length() - ip_length - tcp_length;
        return true;
    }
    // Nothing but data, which nothing speaks against joining.
    [[nodiscard]] bool is_plain() const { return (tcp->flags & ~TcpHeader::psh) == TcpHeader::ack && data != 0; }
    [[nodiscard]] bool is_verified(Packet& packet) const {
        if (packet.offload().checksum != ChecksumState::Unknown) return true;
        const size_t length = packet.length() - ip_length;
        ChecksumSum sum;
        const IpAddress source = v6 ? IpAddress::from_bytes(ip + 8) : IpAddress{Ipv4Address{load_big<uint32_t>(ip + 12)}};
        const IpAddress destination = v6 ? IpAddress::from_bytes(ip + 24) : IpAddress{Ipv4Address{load_big<uint32_t>(ip + 16)}};
        sum.add_pseudo_header(source, destination, static_cast<uint8_t>(Protocol::Tcp), static_cast<uint32_t>(length));
        packet.add_to(sum, ip_length, length);
        if (sum.checksum() != 0) return false;
        packet.offload().checksum = ChecksumState::Verified;
        return true;
    }
    [[nodiscard]] bool same_flow(const uint8_t* other_ip, bool other_v6) const {
        if (v6 != other_v6) return false;
        const size_t addresses = v6 ? 8 : 12;
        return std::memcmp(ip + addresses, other_ip + addresses, ip_length - addresses + 4) == 0;  // and the ports behind them
    }
    // What a joined segment can say only once: class, flags and hops of IP, acknowledgement, window and options of TCP.
    [[nodiscard]] bool same_headers(const uint8_t* other_ip) const {
        const uint8_t* const other_tcp = other_ip + ip_length;
        const auto* const bytes = reinterpret_cast<const uint8_t*>(tcp);
        const bool same_ip = v6 ? std::memcmp(ip, other_ip, 4) == 0 && ip[7] == other_ip[7]
                                : std::memcmp(ip, other_ip, 2) == 0 && std::memcmp(ip + 6, other_ip + 6, 3) == 0;
        constexpr size_t acknowledgement = 8, window = 14;
        return same_ip && std::memcmp(bytes + acknowledgement, other_tcp + acknowledgement, 5) == 0 &&
               std::memcmp(bytes + window, other_tcp + window, 2) == 0 &&
               std::memcmp(bytes + sizeof(TcpHeader), other_tcp + sizeof(TcpHeader), tcp_length - sizeof(TcpHeader)) == 0;
    }
};

void Coalescer::receive(Packet&& packet, bool v6) {
    Candidate candidate;
    IpLayer& ip = interface_.stack().ip();
    if (!candidate.parse(packet, v6)) return v6 ? ip.receive_v6(interface_, std::move(packet)) : ip.receive_v4(interface_, std::move(packet));
    for (size_t i = 0; i < count_; ++i) {
        Held& held = held_[i];
        const uint8_t* const other = held.packet.front().data();
        if (!candidate.same_flow(other, held.v6)) continue;
        const bool joins = candidate.is_plain() && candidate.tcp->sequence == held.next_sequence && candidate.data <= held.segment_size &&
                           held.packet.length() + candidate.data <= longest && candidate.same_headers(other) && candidate.is_verified(packet);
        if (joins) join(held, std::move(packet), candidate);
        if (joins && candidate.data == held.segment_size) return;
        // A shorter one is the last; what does not fit comes behind.
        hand_out(held);
        std::swap(held, held_[--count_]);
        if (joins) return;
        break;
    }
    // A single byte is not worth the wait for more; others may be the first of many.
    constexpr size_t least = 256;
    if (candidate.is_plain() && candidate.data >= least && packet.offload().segmentation == Segmentation::None && candidate.is_verified(packet))
        return hold(std::move(packet), candidate);
    v6 ? ip.receive_v6(interface_, std::move(packet)) : ip.receive_v4(interface_, std::move(packet));
}

void Coalescer::hold(Packet&& packet, const Candidate& candidate) {
    if (count_ == most_flows) flush();
    Held& held = held_[count_++];
    held.next_sequence = candidate.tcp->sequence + static_cast<uint32_t>(candidate.data);
    held.segment_size = static_cast<uint32_t>(candidate.data);
    held.segments = 1;
    held.ip_length = static_cast<uint16_t>(candidate.ip_length);
    held.v6 = candidate.v6;
    held.packet = std::move(packet);
    held.last = held.packet.head();
    while (held.last->next) held.last = held.last->next;
}

void Coalescer::join(Held& held, Packet&& packet, const Candidate& candidate) {
    // SAFETY: the headers are there, as when it was held.
    auto& tcp = *reinterpret_cast<TcpHeader*>(held.packet.front().data() + held.ip_length);
    tcp.flags = static_cast<uint8_t>(tcp.flags | (candidate.tcp->flags & TcpHeader::psh));
    const auto data = static_cast<uint32_t>(candidate.data);
    packet.remove_front(candidate.ip_length + candidate.tcp_length);
    held.next_sequence += data;
    ++held.segments;
    held.packet.head()->total += data;
    held.last->next = packet.leak();
    while (held.last->next) held.last = held.last->next;
}

void Coalescer::hand_out(Held& held) {
    Packet packet = std::move(held.packet);
    if (held.segments > 1) {
        packet.offload().segmentation = held.v6 ? Segmentation::Tcp6 : Segmentation::Tcp4;
        packet.offload().segment_size = static_cast<uint16_t>(held.segment_size);
        uint8_t* const ip = packet.front().data();
        // SAFETY: the headers are there, as when it was held.
        if (held.v6) {
            reinterpret_cast<Ipv6Header*>(ip)->payload_length = static_cast<uint16_t>(packet.length() - sizeof(Ipv6Header));
        } else {
            auto& header = *reinterpret_cast<Ipv4Header*>(ip);
            header.total_length = static_cast<uint16_t>(packet.length());
            header.checksum = 0;
            header.checksum.set_raw(checksum_of_20(ip));
        }
    }
    IpLayer& layer = interface_.stack().ip();
    held.v6 ? layer.receive_v6(interface_, std::move(packet)) : layer.receive_v4(interface_, std::move(packet));
}

void Coalescer::flush() {
    const size_t count = std::exchange(count_, 0);
    for (size_t i = 0; i < count; ++i) hand_out(held_[i]);
}

}  // namespace eremite::net
