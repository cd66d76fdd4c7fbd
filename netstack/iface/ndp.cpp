// Solicitations and advertisements of neighbours (RFC 4861 section 7).
#include "netstack/iface/ndp.hpp"

#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

namespace {
constexpr uint8_t option_source_link = 1, option_target_link = 2;
constexpr uint8_t link_hop_limit = 255;  // what routers would have lowered

void add_link_option(Packet& packet, uint8_t type, const MacAddress& mac) {
    std::array<uint8_t, 8> option{type, 1};
    std::copy(mac.bytes.begin(), mac.bytes.end(), option.begin() + 2);
    // A packet that was just allocated has room for it.
    (void)packet.append_copy(option);
}
}  // namespace

IpAddress NeighbourDiscovery::solicited_node(const IpAddress& address) {
    IpAddress group = IpAddress::v6({0xff02, 0, 0, 0, 0, 1, 0xff00, 0});
    for (unsigned i = 13; i < 16; ++i) group.bytes()[i] = address.bytes()[i];
    return group;
}

void NeighbourDiscovery::send(Interface& interface, const IpAddress& source, const IpAddress& destination, Packet&& message) {
    const Path path{&interface, destination, source, interface.mtu(), 0};
    (void)stack_.ip().send_icmp(path, source, destination, std::move(message), link_hop_limit);
}

void NeighbourDiscovery::solicit(Interface& interface, const IpAddress& target, const MacAddress* known, const IpAddress& source) {
    Packet packet = Packet::allocate(stack_.pool());
    if (!packet) return stack_.count(Drop::NoMemory);
    auto& message = *reinterpret_cast<NeighbourMessage*>(packet.push_front(sizeof(NeighbourMessage)));
    message = {{icmp6::neighbour_solicitation, 0, 0, 0}, target.bytes()};
    if (!source.is_unspecified()) add_link_option(packet, option_source_link, interface.mac());
    send(interface, source, known ? target : solicited_node(target), std::move(packet));
}

void NeighbourDiscovery::advertise(Interface& interface, const IpAddress& target, const IpAddress& to, bool solicited) {
    Packet packet = Packet::allocate(stack_.pool());
    if (!packet) return stack_.count(Drop::NoMemory);
    auto& message = *reinterpret_cast<NeighbourMessage*>(packet.push_front(sizeof(NeighbourMessage)));
    const uint32_t flags = (solicited ? NeighbourMessage::solicited : 0) | NeighbourMessage::override_entry;
    message = {{icmp6::neighbour_advertisement, 0, 0, flags}, target.bytes()};
    add_link_option(packet, option_target_link, interface.mac());
    send(interface, target, to, std::move(packet));
}

bool NeighbourDiscovery::whole_message(const IpReceived& ip, Packet& packet, size_t smallest, std::span<const uint8_t>& message) {
    if (ip.ttl != link_hop_limit || !packet.pull_up(std::min<size_t>(packet.length(), Fragment::inline_size))) {
        stack_.count(Drop::BadAddress);
        return false;
    }
    message = packet.front().subspan(ip.payload_offset);
    if (message.size() >= smallest && message[1] == 0) return true;
    stack_.count(Drop::TooShort);
    return false;
}

void NeighbourDiscovery::receive_solicitation(const IpReceived& ip, Packet& packet) {
    std::span<const uint8_t> message;
    NdpOptions options;
    if (!whole_message(ip, packet, sizeof(NeighbourMessage), message)) return;
    if (const Drop drop = parse_ndp_options(message.subspan(sizeof(NeighbourMessage)), options); drop != Drop::None) return stack_.count(drop);
    const IpAddress target = IpAddress::from_bytes(message.data() + offsetof(NeighbourMessage, target));
    InterfaceAddress* own = ip.interface.find_address(target);
    if (target.is_multicast() || !own) return;
    const bool detects = ip.source.is_unspecified();
    if (own->state == AddressState::Tentative) {
        // Somebody else wants the same address (RFC 4862 section 5.4.3).
        if (detects && stack_.is_first()) conflict(*own);
        return;
    }
    // Whose device it came from answers; the others only refresh what they know.
    const bool answers = packet.offload().handed == 0;
    if (!detects && options.source_link) ip.interface.neighbours().learn(ip.source, *options.source_link, answers, false, true);
    if (!answers) return;
    if (detects) return advertise(ip.interface, target, all_nodes, false);
    advertise(ip.interface, target, ip.source, true);
}

void NeighbourDiscovery::receive_advertisement(const IpReceived& ip, Packet& packet) {
    std::span<const uint8_t> message;
    NdpOptions options;
    if (!whole_message(ip, packet, sizeof(NeighbourMessage), message)) return;
    if (const Drop drop = parse_ndp_options(message.subspan(sizeof(NeighbourMessage)), options); drop != Drop::None) return stack_.count(drop);
    const IpAddress target = IpAddress::from_bytes(message.data() + offsetof(NeighbourMessage, target));
    const uint32_t flags = load_big<uint32_t>(&message[4]);
    const bool solicited = (flags & NeighbourMessage::solicited) != 0;
    if (target.is_multicast() || (solicited && ip.destination.is_multicast())) return stack_.count(Drop::BadAddress);
    if (InterfaceAddress* own = ip.interface.find_address(target)) {
        if (own->state == AddressState::Tentative && stack_.is_first()) conflict(*own);
        return;
    }
    NeighbourTable& neighbours = ip.interface.neighbours();
    if (options.target_link) neighbours.learn(target, *options.target_link, false, solicited, (flags & NeighbourMessage::override_entry) != 0);
    else if (solicited) neighbours.confirm(target);
    if (Neighbour* n = neighbours.find(target)) n->is_router = (flags & NeighbourMessage::is_router) != 0;
}

void IpLayer::receive_icmp_v6(const IpReceived& ip, Packet&& packet) {
    if (!packet.pull_up(ip.payload_offset + sizeof(IcmpHeader))) return stack_.count(Drop::TooShort);
    const size_t length = packet.length() - ip.payload_offset;
    if (packet.offload().checksum == ChecksumState::Unknown) {
        ChecksumSum sum;
        sum.add_pseudo_header(ip.source, ip.destination, ip.protocol, static_cast<uint32_t>(length));
        packet.add_to(sum, ip.payload_offset, length);
        if (sum.checksum() != 0) return stack_.count(Drop::BadChecksum);
    }
    const uint8_t type = packet.front()[ip.payload_offset];
    switch (type) {
        case icmp6::unreachable:
        case icmp6::packet_too_big:
        case icmp6::time_exceeded:
        case icmp6::parameter_problem: return receive_error_v6(ip, std::move(packet));
        case icmp6::echo: return reply_to_echo(ip, std::move(packet), icmp6::echo_reply);
        case icmp6::mld_query: return stack_.is_first() ? ip.interface.report_groups(true) : void();
        case icmp6::neighbour_solicitation: return stack_.ndp().receive_solicitation(ip, packet);
        case icmp6::neighbour_advertisement: return stack_.ndp().receive_advertisement(ip, packet);
        case icmp6::router_advertisement: return stack_.is_first() ? stack_.ndp().receive_router_advertisement(ip, packet) : void();
        default: return;  // RFC 4443 section 2.4 (b): unknown informational messages are dropped silently
    }
}

}  // namespace eremite::net
