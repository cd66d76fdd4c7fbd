// ICMP errors that we send: about what (RFC 1122 section 3.2.2, RFC 4443 section 2.4), and how many.
#include <algorithm>

#include "netstack/iface/interface.hpp"
#include "netstack/iface/ip.hpp"
#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

bool IpLayer::may_send_error() {
    const int64_t passed = (stack_.now() - error_tokens_at_).ns;
    const int64_t earned = passed / (1'000'000'000 / error_tokens_a_second);
    if (earned > 0) {
        error_tokens_ = std::min(most_error_tokens, error_tokens_ + std::min(earned, most_error_tokens));
        error_tokens_at_ = stack_.now();
    }
    if (error_tokens_ == 0) {
        stack_.count(Drop::RateLimited);
        return false;
    }
    --error_tokens_;
    return true;
}

void IpLayer::send_error_v4(Interface& interface, const Packet& packet, uint8_t type, uint8_t code, uint32_t rest) {
    // As much of the packet as fits into 576 bytes (RFC 1812 section 4.3.2.3).
    constexpr size_t most_quoted = 576 - sizeof(Ipv4Header) - sizeof(IcmpHeader);
    // SAFETY: the packet begins with a header that was parsed.
    const auto& about = *reinterpret_cast<const Ipv4Header*>(packet.front().data());
    const IpAddress to{Ipv4Address{about.source}}, from{Ipv4Address{about.destination}};
    if (packet.offload().link_group || from.is_multicast() || interface.is_broadcast(from) || to.is_unspecified()) return;
    if ((about.fragment & Ipv4Header::offset_mask) != 0) return;
    if (about.protocol == static_cast<uint8_t>(Protocol::Icmp)) {
        const size_t at = about.header_length();
        if (packet.front().size() <= at) return;
        const uint8_t subject = packet.front()[at];
        if (subject != icmp4::echo && subject != icmp4::echo_reply) return;
    }
    if (!may_send_error()) return;
    const Result<Path> path = find_path(to);
    Packet message = packet.share(0, std::min(packet.length(), most_quoted));
    auto* icmp = message ? reinterpret_cast<IcmpHeader*>(message.push_front(sizeof(IcmpHeader))) : nullptr;
    if (!path.ok() || !icmp) return stack_.count(path.ok() ? Drop::NoMemory : Drop::NoRoute);
    *icmp = {type, code, 0, rest};
    const bool own = stack_.is_local(from) && !from.is_loopback();
    (void)send_icmp(path.value(), own ? from : path.value().source, to, std::move(message));
}

void IpLayer::send_error_v6(Interface&, const Packet& packet, uint8_t type, uint8_t code, uint32_t rest) {
    constexpr size_t most_quoted = ipv6_minimum_mtu - sizeof(Ipv6Header) - sizeof(IcmpHeader);
    // SAFETY: the packet begins with a header that was parsed.
    const auto& about = *reinterpret_cast<const Ipv6Header*>(packet.front().data());
    const IpAddress to{about.source}, from{about.destination};
    const bool to_group = from.is_multicast() || packet.offload().link_group;
    // Two errors are about what multicast may do, too (RFC 4443 section 2.4 (e.3)).
    if (to_group && type != icmp6::packet_too_big && !(type == icmp6::parameter_problem && code == 2)) return;
    if (to.is_unspecified()) return;
    Ipv6View view;
    if (parse_ipv6(packet.front(), packet.length(), view) == Drop::None && view.protocol == static_cast<uint8_t>(Protocol::Icmpv6) &&
        (packet.front().size() <= view.payload_offset || packet.front()[view.payload_offset] < 128))
        return;
    if (!may_send_error()) return;
    const Result<Path> path = find_path(to, to_group ? IpAddress{} : from);
    Packet message = packet.share(0, std::min(packet.length(), most_quoted));
    auto* icmp = message ? reinterpret_cast<IcmpHeader*>(message.push_front(sizeof(IcmpHeader))) : nullptr;
    if (!path.ok() || !icmp) return stack_.count(path.ok() ? Drop::NoMemory : Drop::NoRoute);
    *icmp = {type, code, 0, rest};
    (void)send_icmp(path.value(), path.value().source, to, std::move(message));
}

Result<void> IpLayer::send_icmp(const Path& path, const IpAddress& source, const IpAddress& destination, Packet&& message, uint8_t ttl) {
    const bool v4 = destination.is_v4();
    ChecksumSum sum;
    if (!v4) sum.add_pseudo_header(source, destination, static_cast<uint8_t>(Protocol::Icmpv6), static_cast<uint32_t>(message.length()));
    // SAFETY: every message begins with this header, in one piece.
    auto& icmp = *reinterpret_cast<IcmpHeader*>(message.front().data());
    icmp.checksum = 0;
    message.add_to(sum, 0, message.length());
    icmp.checksum.set_raw(sum.checksum());
    message.offload() = {.checksum = ChecksumState::Verified};
    return send(path, std::move(message),
                {.source = source, .destination = destination, .protocol = v4 ? Protocol::Icmp : Protocol::Icmpv6, .ttl = ttl});
}

void IpLayer::report_port_unreachable(const IpReceived& ip, const Packet& packet) {
    if (ip.source.is_v4()) send_error_v4(ip.interface, packet, icmp4::unreachable, icmp4::port_unreachable);
    else send_error_v6(ip.interface, packet, icmp6::unreachable, icmp6::port_unreachable);
}

void IpLayer::report_unreachable(Interface&, Packet&& packet) {
    // The packet is our own, and begins with its IP header: the transport hears of it as it would from a router.
    if (packet.front().size() < sizeof(Ipv4Header)) return;
    if (packet.front()[0] >> 4 == 4) {
        Ipv4View view;
        const auto& header = *reinterpret_cast<const Ipv4Header*>(packet.front().data());
        if (!packet.pull_up(std::min(packet.length(), header.header_length() + 8))) return;
        if (parse_ipv4(packet.front(), packet.length(), view) != Drop::None || (view.header->fragment & Ipv4Header::offset_mask) != 0) return;
        transport_error(Ipv4Address{view.header->source}, Ipv4Address{view.header->destination}, view.header->protocol,
                        packet.front().subspan(view.header_length), EHOSTUNREACH, 0);
    } else {
        Ipv6View view;
        if (!packet.pull_up(std::min(packet.length(), sizeof(Ipv6Header) + 8))) return;
        if (parse_ipv6(packet.front(), packet.length(), view) != Drop::None || packet.front().size() < view.payload_offset) return;
        transport_error(IpAddress{view.header->source}, IpAddress{view.header->destination}, view.protocol,
                        packet.front().subspan(view.payload_offset), EHOSTUNREACH, 0);
    }
}

}  // namespace eremite::net
