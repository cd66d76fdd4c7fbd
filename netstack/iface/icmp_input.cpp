// ICMP and ICMPv6 messages that arrive: echo, errors about what we sent (RFC 792, RFC 1191, RFC 4443, RFC 8201), IGMP queries.
#include <algorithm>

#include "netstack/iface/interface.hpp"
#include "netstack/iface/ip.hpp"
#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

namespace {

bool checksum_holds(const IpReceived& ip, const Packet& packet) {
    if (packet.offload().checksum != ChecksumState::Unknown) return true;
    const size_t length = packet.length() - ip.payload_offset;
    ChecksumSum sum;
    if (!ip.source.is_v4()) sum.add_pseudo_header(ip.source, ip.destination, ip.protocol, static_cast<uint32_t>(length));
    packet.add_to(sum, ip.payload_offset, length);
    return sum.checksum() == 0;
}

}  // namespace

void IpLayer::receive_icmp_v4(const IpReceived& ip, Packet&& packet) {
    if (!packet.pull_up(ip.payload_offset + sizeof(IcmpHeader))) return stack_.count(Drop::TooShort);
    if (!checksum_holds(ip, packet)) return stack_.count(Drop::BadChecksum);
    switch (packet.front()[ip.payload_offset]) {
        case icmp4::echo: return reply_to_echo(ip, std::move(packet), icmp4::echo_reply);
        case icmp4::unreachable:
        case icmp4::time_exceeded:
        case icmp4::parameter_problem: return receive_error_v4(ip, std::move(packet));
        default: return;  // replies are for raw sockets, which have seen them; redirects are not followed
    }
}

void IpLayer::reply_to_echo(const IpReceived& ip, Packet&& packet, uint8_t reply_type) {
    // Not to groups (RFC 1122 section 3.2.2.6 lets us): no amplifier. Whose device it came from answers.
    if ((ip.source.is_v4() && ip.to_group) || packet.offload().handed != 0) return;
    const bool own = stack_.is_own(ip.destination);
    const Result<Path> path = find_path(ip.source, own ? ip.destination : IpAddress{}, ip.source.is_link_local() ? &ip.interface : nullptr);
    if (!path.ok()) return stack_.count(Drop::NoRoute);
    packet.remove_front(ip.payload_offset);
    if (!packet.pull_up(sizeof(IcmpHeader))) return stack_.count(Drop::NoMemory);
    // A buffer that others see must not change.
    if (!packet.head()->exclusive()) {
        Packet copy = Packet::allocate(stack_.pool());
        if (!copy || !copy.append_copy(packet.front().first(sizeof(IcmpHeader)))) return stack_.count(Drop::NoMemory);
        packet.remove_front(sizeof(IcmpHeader));
        copy.append(std::move(packet));
        packet = std::move(copy);
    }
    auto& icmp = *reinterpret_cast<IcmpHeader*>(packet.front().data());
    icmp.type = reply_type;
    icmp.code = 0;
    packet.offload() = {};
    (void)send_icmp(path.value(), path.value().source, ip.source, std::move(packet));
}

void IpLayer::receive_error_v4(const IpReceived& ip, Packet&& packet) {
    const IcmpHeader icmp = load_raw<IcmpHeader>(&packet.front()[ip.payload_offset]);
    packet.remove_front(ip.payload_offset + sizeof(IcmpHeader));
    if (!packet.pull_up(std::min<size_t>(packet.length(), 68)) || packet.front().size() < sizeof(Ipv4Header))
        return stack_.count(Drop::TooShort);
    // The quoted header: ours, so its lengths are of a packet that is not all here.
    const auto& quoted = *reinterpret_cast<const Ipv4Header*>(packet.front().data());
    const size_t header_length = quoted.header_length();
    if (header_length < sizeof(Ipv4Header) || packet.front().size() < header_length + 8) return stack_.count(Drop::BadLength);
    if ((quoted.fragment & Ipv4Header::offset_mask) != 0) return;
    int error = 0;
    uint16_t mtu = 0;
    if (icmp.type == icmp4::unreachable) {
        switch (icmp.code) {
            case icmp4::fragmentation_needed: {
                // 0: a router from before RFC 1191; then the smallest that makes sense. Nobody has less than that.
                constexpr uint16_t smallest = 552;
                const uint32_t rest = icmp.rest;
                mtu = std::max(static_cast<uint16_t>(rest), smallest);
                error = EMSGSIZE;
                break;
            }
            case icmp4::protocol_unreachable: error = ENOPROTOOPT; break;
            case icmp4::port_unreachable: error = ECONNREFUSED; break;
            case icmp4::net_unreachable: error = ENETUNREACH; break;
            default: error = EHOSTUNREACH; break;
        }
    } else {
        error = icmp.type == icmp4::parameter_problem ? EPROTO : EHOSTUNREACH;
    }
    transport_error(Ipv4Address{quoted.source}, Ipv4Address{quoted.destination}, quoted.protocol, packet.front().subspan(header_length),
                    error, mtu);
}

void IpLayer::receive_error_v6(const IpReceived& ip, Packet&& packet) {
    const IcmpHeader icmp = load_raw<IcmpHeader>(&packet.front()[ip.payload_offset]);
    packet.remove_front(ip.payload_offset + sizeof(IcmpHeader));
    if (!packet.pull_up(std::min<size_t>(packet.length(), 120)) || packet.front().size() < sizeof(Ipv6Header) + 8)
        return stack_.count(Drop::TooShort);
    // Only what has no extension headers: we send none but in fragments.
    const auto& quoted = *reinterpret_cast<const Ipv6Header*>(packet.front().data());
    size_t at = sizeof quoted;
    uint8_t protocol = quoted.next_header;
    if (protocol == static_cast<uint8_t>(Protocol::Fragment)) {
        const auto& fragment = *reinterpret_cast<const Ipv6FragmentHeader*>(&packet.front()[at]);
        if ((fragment.offset_and_more & 0xfff8) != 0) return;
        protocol = fragment.next_header;
        at += sizeof fragment;
    }
    if (packet.front().size() < at + 8) return stack_.count(Drop::TooShort);
    int error = EPROTO;
    uint16_t mtu = 0;
    switch (icmp.type) {
        case icmp6::packet_too_big:
            // Below the minimum nothing is ever cut (RFC 8201 section 4).
            mtu = static_cast<uint16_t>(std::clamp<uint32_t>(icmp.rest, ipv6_minimum_mtu, 65535));
            error = EMSGSIZE;
            break;
        case icmp6::unreachable:
            error = icmp.code == icmp6::port_unreachable ? ECONNREFUSED
                    : icmp.code == icmp6::no_route       ? ENETUNREACH
                    : icmp.code == icmp6::prohibited     ? EACCES
                                                         : EHOSTUNREACH;
            break;
        case icmp6::time_exceeded: error = EHOSTUNREACH; break;
        default: break;
    }
    transport_error(IpAddress{quoted.source}, IpAddress{quoted.destination}, protocol, packet.front().subspan(at), error, mtu);
}

void IpLayer::transport_error(const IpAddress& local, const IpAddress& remote, uint8_t protocol, std::span<const uint8_t> transport, int error,
                              uint16_t mtu) {
    if (transport.size() < 8) return;
    const Endpoint mine{local, load_big<uint16_t>(transport.data())}, other{remote, load_big<uint16_t>(&transport[2])};
    // A transport says whether the message is about something that it really sent: only then the path is believed to be narrow.
    bool known = false;
    if (protocol == static_cast<uint8_t>(Protocol::Tcp)) known = stack_.tcp().knows(mine, other, load_big<uint32_t>(&transport[4]));
    else if (protocol == static_cast<uint8_t>(Protocol::Udp)) known = stack_.udp().knows(mine, other);
    else known = protocol == static_cast<uint8_t>(Protocol::Icmp) || protocol == static_cast<uint8_t>(Protocol::Icmpv6);
    if (!known) return stack_.count(Drop::BadAddress);
    if (mtu != 0 && path_mtus_.lower(remote, mtu, stack_.now())) ++generation_;
    if (protocol == static_cast<uint8_t>(Protocol::Tcp)) stack_.tcp().receive_error(mine, other, load_big<uint32_t>(&transport[4]), error, mtu);
    else if (protocol == static_cast<uint8_t>(Protocol::Udp)) stack_.udp().receive_error(mine, other, error);
}

}  // namespace eremite::net
