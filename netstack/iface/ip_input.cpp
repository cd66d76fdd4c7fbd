// Received packets of IPv4 and IPv6 on their way to the transports.
#include <algorithm>

#include "netstack/iface/interface.hpp"
#include "netstack/iface/ip.hpp"
#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

namespace {

constexpr size_t most_header_bytes = Fragment::inline_size;  // that can be made contiguous

// The shard in which fragments of the same packet meet.
uint32_t meeting_place(const Stack& stack, uint32_t identification) { return identification % stack.shard().count; }

// Padding of short frames goes (RFC 894).
void cut_padding(Packet& packet, size_t total_length) {
    if (packet.length() > total_length) packet.truncate(total_length);
}

}  // namespace

void IpLayer::receive_v4(Interface& interface, Packet&& packet) {
    if (packet.front().size() < sizeof(Ipv4Header) && !packet.pull_up(sizeof(Ipv4Header))) return stack_.count(Drop::TooShort);
    if (!packet.pull_up(size_t{4} * (packet.front()[0] & 0xf))) return stack_.count(Drop::TooShort);
    Ipv4View view;
    if (const Drop drop = parse_ipv4(packet.front(), packet.length(), view); drop != Drop::None) return stack_.count(drop);
    const IpAddress destination{Ipv4Address{view.header->destination}};
    if (!interface.accepts(destination) && !stack_.is_local(destination)) return stack_.count(Drop::NotForUs);
    const bool group = destination.is_multicast() || interface.is_broadcast(destination);
    // Addresses of the loopback never come from a wire (RFC 1122 section 3.2.1.3).
    if (!interface.capabilities().loopback && (destination.is_loopback() || Ipv4Address{view.header->source}.is_loopback()))
        return stack_.count(Drop::BadAddress);
    cut_padding(packet, view.total_length);
    if (view.header->is_fragment()) [[unlikely]] {
        if (!stack_.pass(meeting_place(stack_, view.header->identification), interface, packet)) receive_fragment_v4(interface, std::move(packet), view);
        return;
    }
    const IpReceived ip{interface, Ipv4Address{view.header->source}, destination, view.header_length, view.header->protocol, view.header->ttl,
                        view.header->traffic_class, group || packet.offload().link_group};
    deliver(ip, std::move(packet));
}

void IpLayer::receive_fragment_v4(Interface& interface, Packet&& packet, const Ipv4View& view) {
    const uint16_t fragment = view.header->fragment;
    const FragmentKey key{Ipv4Address{view.header->source}, Ipv4Address{view.header->destination}, view.header->identification,
                          view.header->protocol};
    packet.offload().checksum = ChecksumState::Unknown;
    Packet whole = reassembly_.add(interface, key, std::move(packet), view.header_length, size_t{8} * (fragment & Ipv4Header::offset_mask),
                                   (fragment & Ipv4Header::more_fragments) != 0);
    if (!whole || !whole.pull_up(view.header_length)) return;
    if (whole.length() > 65535) return stack_.count(Drop::BadLength);
    auto& header = *reinterpret_cast<Ipv4Header*>(whole.front().data());
    header.total_length = static_cast<uint16_t>(whole.length());
    header.fragment = 0;
    // Another shard may look at it again.
    header.checksum = 0;
    header.checksum.set_raw(checksum_of(whole.front().first(view.header_length)));
    whole.offload().handed = 0;
    const IpReceived ip{interface, key.source, key.destination, header.header_length(), key.protocol, header.ttl, header.traffic_class,
                        key.destination.is_multicast() || interface.is_broadcast(key.destination)};
    deliver(ip, std::move(whole));
}

void IpLayer::receive_v6(Interface& interface, Packet&& packet) {
    if (!packet.pull_up(sizeof(Ipv6Header))) return stack_.count(Drop::TooShort);
    Ipv6View view;
    Drop drop = parse_ipv6(packet.front(), packet.length(), view);
    if (drop == Drop::TooShort && packet.front().size() < std::min(packet.length(), most_header_bytes)) {
        if (!packet.pull_up(std::min(packet.length(), most_header_bytes))) return stack_.count(Drop::NoMemory);
        drop = parse_ipv6(packet.front(), packet.length(), view);
    }
    if (!view.header) return stack_.count(drop);
    const IpAddress destination{view.header->destination}, source{view.header->source};
    // An IPv4-mapped address is never on the wire (RFC 4942 section 2.2).
    if (destination.is_v4() || source.is_v4()) return stack_.count(Drop::BadAddress);
    if (!interface.accepts(destination) && !stack_.is_local(destination)) return stack_.count(Drop::NotForUs);
    if (!interface.capabilities().loopback && (destination.is_loopback() || source.is_loopback())) return stack_.count(Drop::BadAddress);
    if (drop != Drop::None) {
        stack_.count(drop);
        if (view.report_parameter_problem) send_error_v6(interface, packet, icmp6::parameter_problem, view.problem_code, view.problem_pointer);
        return;
    }
    cut_padding(packet, view.total_length);
    if (view.protocol == static_cast<uint8_t>(Protocol::Fragment)) [[unlikely]] return receive_fragment_v6(interface, std::move(packet), view);
    const IpReceived ip{interface, source, destination, view.payload_offset, view.protocol, view.header->hop_limit, view.header->traffic_class(),
                        destination.is_multicast() || packet.offload().link_group};
    deliver(ip, std::move(packet));
}

void IpLayer::receive_fragment_v6(Interface& interface, Packet&& packet, const Ipv6View& view) {
    const size_t unfragmentable = view.payload_offset;
    if (!packet.pull_up(unfragmentable + sizeof(Ipv6FragmentHeader))) return stack_.count(Drop::TooShort);
    // SAFETY: it is made of bytes, and all of them are there.
    const auto& header = *reinterpret_cast<const Ipv6FragmentHeader*>(&packet.front()[unfragmentable]);
    const uint16_t field = header.offset_and_more;
    const uint8_t next = header.next_header;
    const auto& fixed = *reinterpret_cast<const Ipv6Header*>(packet.front().data());
    const FragmentKey key{IpAddress{fixed.source}, IpAddress{fixed.destination}, header.identification, 0};
    if (stack_.pass(meeting_place(stack_, key.identification), interface, packet)) return;
    const size_t headers = unfragmentable + sizeof(Ipv6FragmentHeader), offset = field & 0xfff8;
    const bool more = (field & 1) != 0;
    if (more && (packet.length() - headers) % 8 != 0) {
        // RFC 8200 section 4.5: the pointer is to the payload length.
        return send_error_v6(interface, packet, icmp6::parameter_problem, 0, offsetof(Ipv6Header, payload_length));
    }
    // Headers of upper layers must be in the first fragment (RFC 7112), of which the walk over further headers reads.
    packet.offload().checksum = ChecksumState::Unknown;
    Packet whole = offset == 0 && !more ? std::move(packet) : reassembly_.add(interface, key, std::move(packet), headers, offset, more);
    if (!whole || !whole.pull_up(headers)) return;
    // The fragment header goes: what stands before moves up.
    uint8_t* bytes = whole.front().data();
    const size_t next_at = view.next_header_at;
    for (size_t i = unfragmentable; i-- > 0;) bytes[i + sizeof(Ipv6FragmentHeader)] = bytes[i];
    whole.remove_front(sizeof(Ipv6FragmentHeader));
    whole.front()[next_at] = next;
    whole.offload().handed = 0;
    if (whole.length() - sizeof(Ipv6Header) > 65535) return stack_.count(Drop::BadLength);
    reinterpret_cast<Ipv6Header*>(whole.front().data())->payload_length = static_cast<uint16_t>(whole.length() - sizeof(Ipv6Header));
    if (next == static_cast<uint8_t>(Protocol::Fragment)) return stack_.count(Drop::BadFragment);
    receive_v6(interface, std::move(whole));
}

void IpLayer::changed() {
    ++generation_;
    stack_.settings_changed();
}

bool IpLayer::belongs_elsewhere(const IpReceived& ip, Packet& packet) {
    switch (static_cast<Protocol>(ip.protocol)) {
        // It looks itself, where nothing is known of the flow.
        case Protocol::Tcp: return false;
        case Protocol::Udp: {
            constexpr size_t port_at = 2, port_end = 4;
            if (!packet.pull_up(ip.payload_offset + port_end)) return false;
            return stack_.pass(stack_.owner_of(load_big<uint16_t>(&packet.front()[ip.payload_offset + port_at])), ip.interface, packet);
        }
        // Neighbours and errors concern whoever knows them.
        case Protocol::Icmp:
        case Protocol::Icmpv6: stack_.show_all(ip.interface, packet); return false;
        default: return stack_.pass(0, ip.interface, packet);
    }
}

void IpLayer::deliver(const IpReceived& ip, Packet&& packet) {
    if (stack_.shard().count > 1 && belongs_elsewhere(ip, packet)) [[unlikely]] return;
    for (RawReceiver& raw : raw_) raw.receive(ip, packet);
    switch (static_cast<Protocol>(ip.protocol)) {
        case Protocol::Tcp: return stack_.tcp().receive(ip, std::move(packet));
        case Protocol::Udp: return stack_.udp().receive(ip, std::move(packet));
        case Protocol::Icmp:
            if (ip.source.is_v4()) return receive_icmp_v4(ip, std::move(packet));
            break;
        case Protocol::Icmpv6:
            if (!ip.source.is_v4()) return receive_icmp_v6(ip, std::move(packet));
            break;
        case Protocol::Igmp:
            if (ip.source.is_v4()) return receive_igmp(ip, std::move(packet));
            break;
        case Protocol::NoNext:
            if (!ip.source.is_v4()) return;
            break;
        default: break;
    }
    stack_.count(Drop::UnknownProtocol);
    if (!raw_.empty()) return;
    if (ip.source.is_v4()) {
        send_error_v4(ip.interface, packet, icmp4::unreachable, icmp4::protocol_unreachable);
    } else {
        // The pointer names the next header field that has the unknown value; without extension headers that is the fixed one.
        Ipv6View view;
        if (parse_ipv6(packet.front(), packet.length(), view) == Drop::None)
            send_error_v6(ip.interface, packet, icmp6::parameter_problem, 1, static_cast<uint32_t>(view.next_header_at));
    }
}

}  // namespace eremite::net
