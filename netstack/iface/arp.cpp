// Address resolution for IPv4 (RFC 826, RFC 5227).
#include "netstack/iface/interface.hpp"
#include "netstack/stack.hpp"

namespace eremite::net {

void Interface::send_arp(uint16_t operation, const MacAddress& to, const MacAddress& target_mac, Ipv4Address sender, Ipv4Address target) {
    Packet packet = Packet::allocate(stack_.pool());
    if (!packet) return stack_.count(Drop::NoMemory);
    auto& arp = *reinterpret_cast<ArpPacket*>(packet.push_front(sizeof(ArpPacket)));
    arp = {1, static_cast<uint16_t>(EtherType::Ipv4), 6, 4, operation, mac(), sender.value, target_mac, target.value};
    auto& header = *reinterpret_cast<EthernetHeader*>(packet.push_front(sizeof(EthernetHeader)));
    header = {to, mac(), static_cast<uint16_t>(EtherType::Arp)};
    transmit(std::move(packet));
}

void Interface::solicit(const IpAddress& address, const MacAddress* known) {
    const InterfaceAddress* own = source_for(address);
    if (!address.is_v4()) return stack_.ndp().solicit(*this, address, known, own ? own->address : IpAddress{});
    send_arp(ArpPacket::request, known ? *known : MacAddress::broadcast(), {}, own ? own->address.v4() : Ipv4Address{}, address.v4());
}

void Interface::receive_arp(Packet&& packet) {
    if (!packet.pull_up(sizeof(ArpPacket))) return stack_.count(Drop::TooShort);
    // SAFETY: it is made of bytes, and all of them are there.
    const auto& arp = *reinterpret_cast<const ArpPacket*>(packet.front().data());
    if (!arp.valid()) return stack_.count(Drop::BadLength);
    const Ipv4Address sender{arp.sender_ip}, target{arp.target_ip};
    if (sender.is_multicast() || sender.is_broadcast() || arp.sender_mac == mac()) return stack_.count(Drop::BadAddress);
    const bool for_us = find_address(target) != nullptr && packet.offload().handed == 0;
    // Who asks for us will be answered to soon; others only refresh what is known (RFC 826, "Packet Reception").
    if (!sender.is_unspecified()) {
        const bool answer = arp.operation == ArpPacket::reply && find_address(target) != nullptr;
        // The first shard knows all neighbours, for those who list them.
        neighbours_.learn(sender, arp.sender_mac, for_us || (answer && stack_.is_first()), answer, true);
        stack_.show_all(*this, packet);
    }
    if (arp.operation == ArpPacket::request && for_us) send_arp(ArpPacket::reply, arp.sender_mac, arp.sender_mac, target, sender);
}

}  // namespace eremite::net
