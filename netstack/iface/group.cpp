// Membership in multicast groups: IGMPv2 (RFC 2236) and MLDv1 (RFC 2710), which routers of later versions understand.
#include <algorithm>

#include "netstack/iface/interface.hpp"
#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

namespace {
constexpr uint8_t igmp_query = 0x11, igmp_report = 0x16, igmp_leave = 0x17;
inline IpAddress all_systems() { return Ipv4Address::of(224, 0, 0, 1); }
inline IpAddress all_routers_v4() { return Ipv4Address::of(224, 0, 0, 2); }

struct IgmpMessage {
    uint8_t type, response_time;
    Be16 checksum;
    Be32 group;
};

struct MldMessage {
    IcmpHeader icmp;
    std::array<uint8_t, 16> group;
};
}  // namespace

bool Interface::in_group(const IpAddress& group) const {
    if (group == all_nodes || (group.is_v4() && group == all_systems())) return true;
    return std::ranges::any_of(groups_, [&](const Group& g) { return g.members > 0 && g.address == group; });
}

Result<void> Interface::join(const IpAddress& group) {
    if (!group.is_multicast()) return Error{EINVAL};
    if (!stack_.is_first()) return stack_.shard().others->join(*this, group);
    const auto known = std::ranges::find_if(groups_, [&](const Group& g) { return g.members > 0 && g.address == group; });
    if (known != groups_.end()) {
        ++known->members;
        return {};
    }
    const auto free = std::ranges::find_if(groups_, [](const Group& g) { return g.members == 0; });
    if (free == groups_.end()) return Error{ENOBUFS};
    stack_.settings_changed();
    *free = {group, 1};
    device_.filter_multicast(multicast_mac(group), true);
    report_group(group, false);
    return {};
}

void Interface::leave(const IpAddress& group) {
    if (!stack_.is_first()) return stack_.shard().others->leave(*this, group);
    const auto known = std::ranges::find_if(groups_, [&](const Group& g) { return g.members > 0 && g.address == group; });
    if (known == groups_.end() || --known->members > 0) return;
    stack_.settings_changed();
    report_group(group, true);
    const MacAddress mac = multicast_mac(group);
    // Several groups may share a link address.
    const bool still = std::ranges::any_of(groups_, [&](const Group& g) { return g.members > 0 && multicast_mac(g.address) == mac; });
    if (!still) device_.filter_multicast(mac, false);
}

void Interface::report_groups(bool v6) {
    for (const Group& g : groups_)
        if (g.members > 0 && g.address.is_v4() != v6) report_group(g.address, false);
}

void Interface::report_group(const IpAddress& group, bool leaving) {
    if (capabilities().link != LinkType::Ethernet || group == all_nodes || (group.is_v4() && group == all_systems())) return;
    Packet packet = Packet::allocate(stack_.pool());
    if (!packet) return stack_.count(Drop::NoMemory);
    const InterfaceAddress* own = source_for(group);
    if (group.is_v4()) {
        auto& message = *reinterpret_cast<IgmpMessage*>(packet.push_front(sizeof(IgmpMessage)));
        message = {leaving ? igmp_leave : igmp_report, 0, 0, group.v4().value};
        message.checksum.set_raw(checksum_of(packet.front()));
        const IpAddress destination = leaving ? all_routers_v4() : group;
        const IpAddress source = own ? own->address : any_v4();
        (void)stack_.ip().send({this, destination, source, mtu_, 0}, std::move(packet),
                               {.source = source, .destination = destination, .protocol = Protocol::Igmp, .ttl = 1});
        return;
    }
    auto& message = *reinterpret_cast<MldMessage*>(packet.push_front(sizeof(MldMessage)));
    message = {{leaving ? icmp6::mld_done : icmp6::mld_report, 0, 0, 0}, group.bytes()};
    const IpAddress destination = leaving ? all_routers : group;
    const IpAddress source = own && own->address.is_link_local() ? own->address : IpAddress{};
    ChecksumSum sum;
    sum.add_pseudo_header(source, destination, static_cast<uint8_t>(Protocol::Icmpv6), sizeof(MldMessage));
    sum.add(packet.front());
    message.icmp.checksum.set_raw(sum.checksum());
    // Routers look at it though it is not to them (RFC 2711): hop-by-hop options of a router alert and padding.
    constexpr std::array<uint8_t, 8> router_alert{static_cast<uint8_t>(Protocol::Icmpv6), 0, 5, 2, 0, 0, 1, 0};
    std::ranges::copy(router_alert, packet.push_front(router_alert.size()));
    (void)stack_.ip().send({this, destination, source, mtu_, 0}, std::move(packet),
                           {.source = source, .destination = destination, .protocol = Protocol::HopByHop, .ttl = 1});
}

void IpLayer::receive_igmp(const IpReceived& ip, Packet&& packet) {
    if (!packet.pull_up(ip.payload_offset + sizeof(IgmpMessage))) return stack_.count(Drop::TooShort);
    ChecksumSum sum;
    packet.add_to(sum, ip.payload_offset, packet.length() - ip.payload_offset);
    if (sum.checksum() != 0) return stack_.count(Drop::BadChecksum);
    if (packet.front()[ip.payload_offset] == igmp_query) ip.interface.report_groups(false);
}

}  // namespace eremite::net
