#include "netstack/iface/interface.hpp"

#include <algorithm>
#include <bit>

#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

InterfaceAddress::InterfaceAddress()
    : Timer{[](Timer& timer) {
          auto& address = static_cast<InterfaceAddress&>(timer);
          address.interface->stack().ndp().address_timeout(address);
      }} {}

RouterDiscovery::RouterDiscovery()
    : Timer{[](Timer& timer) {
          auto& discovery = static_cast<RouterDiscovery&>(timer);
          discovery.interface->stack().ndp().discovery_timeout(discovery);
      }} {}

Interface::Interface(Stack& stack, Device& device, uint32_t index)
    : stack_{stack}, device_{device}, index_{index}, mtu_{device.capabilities().mtu} {
    for (InterfaceAddress& a : addresses_) a.interface = this;
    router_discovery_.interface = this;
}

Interface::~Interface() {
    for (InterfaceAddress& a : addresses_) stack_.timers().cancel(a);
    stack_.timers().cancel(router_discovery_);
    while (blocked_.pop_front()) {}
    stack_.ip().routes().remove_interface(*this);
}

Result<void> Interface::set_mtu(uint16_t mtu) {
    constexpr uint16_t smallest = 68;  // RFC 791
    if (mtu < smallest || mtu > capabilities().mtu) return Error{EINVAL};
    mtu_ = mtu;
    stack_.ip().changed();
    return {};
}

void Interface::set_link(bool up) {
    if (up_ == up) return;
    up_ = up;
    stack_.ip().changed();
    if (!up) {
        forget_link();
    } else {
        stack_.ndp().link_up(*this);
        report_groups(false);
        report_groups(true);
    }
    device_ready();
}

void Interface::forget_link() {
    neighbours_.clear();
    queue_.clear();
}

void Interface::adopt(const Interface& first) {
    mtu_ = first.mtu_;
    for (size_t i = 0; i < addresses_.size(); ++i) {
        InterfaceAddress& own = addresses_[i];
        const InterfaceAddress& its = first.addresses_[i];
        own.address = its.address;
        own.prefix_length = its.prefix_length;
        own.state = its.state;
        own.in_use = its.in_use;
        own.from_router = its.from_router;
    }
    broadcasts_ = first.broadcasts_;
    broadcast_count_ = first.broadcast_count_;
    groups_ = first.groups_;
    if (up_ == first.up_) return;
    up_ = first.up_;
    if (!up_) forget_link();
    device_ready();
}

void Interface::announce() {
    if (!up_ || capabilities().link != LinkType::Ethernet) return;
    for (const InterfaceAddress& a : addresses_) {
        if (!a.in_use || a.state == AddressState::Tentative) continue;
        // RFC 5944 section 4.6, RFC 4861 section 7.2.6
        if (a.address.is_v4()) send_arp(ArpPacket::request, MacAddress::broadcast(), {}, a.address.v4(), a.address.v4());
        else stack_.ndp().advertise(*this, a.address, all_nodes, false);
    }
    report_groups(false);
    report_groups(true);
}

Result<void> Interface::add_address(const IpAddress& address, uint8_t prefix_length) {
    const bool v4 = address.is_v4();
    if (prefix_length > (v4 ? 32 : 128) || address.is_multicast()) return Error{EINVAL};
    if (find_address(address)) return Error{EEXIST};
    const auto free = std::ranges::find_if(addresses_, [](const InterfaceAddress& a) { return !a.in_use; });
    if (free == addresses_.end()) return Error{ENOBUFS};
    free->address = address;
    free->prefix_length = static_cast<uint8_t>(prefix_length + (v4 ? v4_prefix_base : 0));
    free->state = AddressState::Preferred;
    free->in_use = true;
    free->from_router = false;
    free->preferred_until = free->valid_until = Instant::never();
    const Result<void> routed =
        stack_.ip().routes().add({.prefix = address, .length = free->prefix_length, .source = address, .interface = this});
    if (!routed.ok() && routed.code() != EEXIST) {
        free->in_use = false;
        return routed.error();
    }
    addresses_changed();
    if (capabilities().link == LinkType::Ethernet) {
        if (v4) send_arp(ArpPacket::request, MacAddress::broadcast(), {}, address.v4(), address.v4());  // RFC 5227 section 2.3
        else stack_.ndp().start_detection(*free);
    }
    return {};
}

Result<void> Interface::remove_address(const IpAddress& address) {
    InterfaceAddress* a = find_address(address);
    if (!a) return Error{EADDRNOTAVAIL};
    a->in_use = false;
    stack_.timers().cancel(*a);
    if (const auto removed = stack_.ip().routes().remove({.prefix = address, .length = a->prefix_length, .interface = this});
        !removed.ok() && removed.code() != ESRCH)
        return removed.error();
    addresses_changed();
    return {};
}

InterfaceAddress* Interface::find_address(const IpAddress& address) {
    for (InterfaceAddress& a : addresses_)
        if (a.in_use && a.address == address) return &a;
    return nullptr;
}

void Interface::addresses_changed() {
    broadcast_count_ = 0;
    for (const InterfaceAddress& a : addresses_) {
        // Subnets of two hosts and of one have none (RFC 3021).
        if (!a.in_use || !a.address.is_v4() || a.prefix_length >= 127) continue;
        broadcasts_[broadcast_count_++] = {a.address.v4().value | 0xffff'ffff >> (a.prefix_length - v4_prefix_base)};
    }
    stack_.ip().changed();
}

bool Interface::accepts(const IpAddress& destination) {
    for (const InterfaceAddress& a : addresses_)
        if (a.in_use && a.state != AddressState::Tentative && a.address == destination) return true;
    // By the loopback comes what was sent to a group by another interface.
    if (destination.is_multicast()) return in_group(destination) || (capabilities().loopback && stack_.in_group(destination));
    return is_broadcast(destination) || (capabilities().loopback && destination.is_loopback());
}

const InterfaceAddress* Interface::source_for(const IpAddress& destination) const {
    const InterfaceAddress* best = nullptr;
    int best_score = -1;
    for (const InterfaceAddress& a : addresses_) {
        if (!a.in_use || a.state == AddressState::Tentative || a.address.is_v4() != destination.is_v4()) continue;
        // Rules 2, 3 and 8 of RFC 6724: scope, then not deprecated, then the longest common prefix.
        int common = 0;
        for (unsigned i = 0; i < 16; ++i) {
            const auto difference = static_cast<uint8_t>(a.address.bytes()[i] ^ destination.bytes()[i]);
            common += std::countl_zero(difference);
            if (difference) break;
        }
        const bool link_scope = destination.is_link_local() || (destination.is_multicast() && (destination.bytes()[1] & 0xf) <= 2);
        const int score = (a.address.is_link_local() == link_scope ? 512 : 0) + (a.state == AddressState::Preferred ? 256 : 0) + common;
        if (score > best_score) {
            best_score = score;
            best = &a;
        }
    }
    return best;
}

void Interface::send(const IpAddress& next_hop, Packet&& packet) {
    if (!up_) {
        ++counters_.send_drops;
        return;
    }
    if (capabilities().link == LinkType::Ip) return transmit(std::move(packet));
    if (next_hop.is_multicast()) return transmit_to(multicast_mac(next_hop), std::move(packet));
    if (is_broadcast(next_hop)) return transmit_to(MacAddress::broadcast(), std::move(packet));
    if (const MacAddress* mac = neighbours_.resolve(next_hop, packet)) transmit_to(*mac, std::move(packet));
}

void Interface::transmit_to(const MacAddress& destination, Packet&& packet) {
    const bool v6 = packet.front()[0] >> 4 == 6;
    auto* header = reinterpret_cast<EthernetHeader*>(packet.push_front(sizeof(EthernetHeader)));
    if (!header) {
        ++counters_.send_drops;
        return stack_.count(Drop::NoMemory);
    }
    header->destination = destination;
    header->source = mac();
    header->type = static_cast<uint16_t>(v6 ? EtherType::Ipv6 : EtherType::Ipv4);
    // Offsets of offloads are counted from the packet's first byte.
    packet.offload().checksum_start += sizeof(EthernetHeader);
    packet.offload().header_length += sizeof(EthernetHeader);
    transmit(std::move(packet));
}

// Does what the device would do. False: no memory.
bool Interface::complete_checksum(Packet& packet) const {
    Offload& offload = packet.offload();
    const size_t start = offload.checksum_start, field = start + offload.checksum_offset;
    if (!packet.pull_up(field + 2)) return false;
    ChecksumSum sum;
    packet.add_to(sum, start, packet.length() - start);
    uint16_t checksum = sum.checksum();
    // UDP writes 0 as 0xffff (RFC 768); both are the same sum, so that it does TCP no harm.
    if (checksum == 0) checksum = 0xffff;
    store_raw(&packet.front()[field], checksum);
    offload.checksum = ChecksumState::Verified;
    return true;
}

void Interface::transmit(Packet&& packet) {
    stack_.touch();
    if (packet.offload().checksum == ChecksumState::Partial && !capabilities().transmit_checksum && !complete_checksum(packet)) {
        ++counters_.send_drops;
        return stack_.count(Drop::NoMemory);
    }
    if (queue_.count() == most_queued) {
        ++counters_.send_drops;
        return stack_.count(Drop::QueueFull);
    }
    if (Capture* const capture = stack_.capture(); capture && !capabilities().loopback) [[unlikely]]
        capture->packet(*this, packet, Direction::Out);
    const size_t length = packet.length();
    if (!queue_.empty() || !device_.transmit(packet)) queue_.push(std::move(packet));
    ++counters_.sent_packets;
    counters_.sent_bytes += length;
}

void Interface::device_ready() {
    stack_.touch();
    while (Packet packet = queue_.pop()) {
        if (device_.transmit(packet)) continue;
        queue_.push_front(std::move(packet));
        return;
    }
    // Each sends until the device is full again; who still has something to send then blocks once more.
    List<BlockedSender, BlockedSender> ready;
    while (BlockedSender* sender = blocked_.pop_front()) ready.push_back(*sender);
    while (BlockedSender* sender = ready.pop_front()) {
        if (congested()) blocked_.push_back(*sender);
        else sender->interface_ready();
    }
}

void Interface::receive(Packet&& packet) {
    if (Capture* const capture = stack_.capture()) [[unlikely]] capture->packet(*this, packet, Direction::In);
    ++counters_.received_packets;
    counters_.received_bytes += packet.length();
    if (!up_) return;
    if (capabilities().link == LinkType::Ip) {
        if (packet.front().empty()) return stack_.count(Drop::TooShort);
        return packet.front()[0] >> 4 == 6 ? stack_.ip().receive_v6(*this, std::move(packet)) : stack_.ip().receive_v4(*this, std::move(packet));
    }
    if (!packet.pull_up(sizeof(EthernetHeader))) return stack_.count(Drop::TooShort);
    // SAFETY: the header is made of bytes, and all of them are there.
    const auto& header = *reinterpret_cast<const EthernetHeader*>(packet.front().data());
    const bool group = header.destination.is_group();
    if (!group && header.destination != mac()) return stack_.count(Drop::NotForUs);
    const uint16_t type = header.type;
    packet.offload().link_group = group;
    packet.remove_front(sizeof(EthernetHeader));
    switch (static_cast<EtherType>(type)) {
        case EtherType::Ipv4:
            if (!group && !capabilities().receive_segmentation) return coalescer_.receive(std::move(packet), false);
            return stack_.ip().receive_v4(*this, std::move(packet));
        case EtherType::Ipv6:
            if (!group && !capabilities().receive_segmentation) return coalescer_.receive(std::move(packet), true);
            return stack_.ip().receive_v6(*this, std::move(packet));
        case EtherType::Arp: return receive_arp(std::move(packet));
    }
    stack_.count(Drop::UnknownProtocol);
}

}  // namespace eremite::net
