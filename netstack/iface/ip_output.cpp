// Routes to paths, headers, fragmentation.
#include <algorithm>

#include "netstack/iface/interface.hpp"
#include "netstack/iface/ip.hpp"
#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

namespace {

// The most data that a fragment takes: a multiple of 8 (RFC 791 section 3.2, RFC 8200 section 4.5).
size_t fragment_data(const Path& path, bool v4) {
    return (path.mtu - (v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header) + sizeof(Ipv6FragmentHeader))) & ~size_t{7};
}

// Whether the device makes fragments of a datagram that is longer than the MTU.
bool device_fragments(const Device& device, const Packet& packet, const IpSend& header) {
    const Capabilities& c = device.capabilities();
    if (!c.udp_fragmentation || header.protocol != Protocol::Udp || packet.offload().checksum != ChecksumState::Partial) return false;
    size_t pieces = 0;
    for (const Fragment* f = packet.head(); f; f = f->next) ++pieces;
    return pieces <= c.most_fragments;
}

}  // namespace

Result<Path> IpLayer::find_path(const IpAddress& destination, const IpAddress& source, Interface* only) const {
    Path path;
    path.generation = generation_;
    path.next_hop = destination;
    path.source = source;
    if (!only && stack_.is_own(destination)) {
        path.interface = &stack_.loopback();
        if (source.is_unspecified()) path.source = destination;
    } else {
        const Route* route = routes_.find(destination, only);
        if (route) {
            path.interface = route->interface;
            if (!route->gateway.is_unspecified()) path.next_hop = route->gateway;
        } else if (destination.is_multicast() || (destination.is_v4() && destination.v4().is_broadcast()) ||
                   (only && destination.is_link_local())) {
            path.interface = only ? only : stack_.default_interface();
        }
        if (!path.interface) return Error{ENETUNREACH};
        if (path.source.is_unspecified()) {
            const InterfaceAddress* own = route && !route->source.is_unspecified() ? path.interface->find_address(route->source) : nullptr;
            if (!own || own->state != AddressState::Preferred) own = path.interface->source_for(destination);
            if (own) path.source = own->address;
            else if (!only) return Error{EADDRNOTAVAIL};
            else path.source = destination.is_v4() ? any_v4() : IpAddress{};
        }
    }
    path.mtu = path.interface->mtu();
    if (const uint16_t known = path_mtus_.find(destination, stack_.now())) path.mtu = std::min(path.mtu, known);
    return path;
}

Result<void> IpLayer::send(const Path& path, Packet&& packet, const IpSend& header) {
    const bool v4 = header.destination.is_v4();
    const uint32_t size = v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
    const size_t total = packet.length() + size;
    bool segmented = packet.offload().segmentation != Segmentation::None;
    if (total > path.mtu && !segmented) [[unlikely]] {
        if (header.dont_fragment || total > 65535 + (v4 ? 0 : size)) return Error{EMSGSIZE};
        if (!device_fragments(path.interface->device(), packet, header)) return send_fragments(path, std::move(packet), header);
        segmented = true;
        packet.offload().segmentation = Segmentation::Fragments;
        packet.offload().segment_size = static_cast<uint16_t>(fragment_data(path, v4));
    }
    uint8_t* at = packet.push_front(size);
    if (!at) [[unlikely]] {
        stack_.count(Drop::NoMemory);
        return Error{ENOBUFS};
    }
    // SAFETY: headers are made of bytes, and push_front() made room for this one.
    if (v4) {
        // What cannot be fragmented needs no identification (RFC 6864 section 4.1).
        const uint16_t identification = header.dont_fragment && !segmented ? 0 : static_cast<uint16_t>(++next_identification_);
        write_ipv4(*reinterpret_cast<Ipv4Header*>(at), header.source, header.destination, header.protocol, total, header.ttl,
                   header.traffic_class, identification, header.dont_fragment ? Ipv4Header::dont_fragment : 0);
    } else {
        write_ipv6(*reinterpret_cast<Ipv6Header*>(at), header.source, header.destination, header.protocol, total - size, header.ttl,
                   header.traffic_class, header.flow_label);
    }
    packet.offload().checksum_start += static_cast<uint16_t>(size);
    packet.offload().header_length += static_cast<uint16_t>(size);
    path.interface->send(path.next_hop, std::move(packet));
    return {};
}

Result<void> IpLayer::send_with_header(const Path& path, Packet&& packet) {
    const size_t total = packet.length();
    if (total > path.mtu) return Error{EMSGSIZE};
    if (total < sizeof(Ipv4Header)) return Error{EINVAL};
    if (!packet.pull_up(sizeof(Ipv4Header))) return Error{ENOBUFS};
    const size_t length = (packet.front()[0] & 0xf) * size_t{4};
    if (length < sizeof(Ipv4Header) || length > total) return Error{EINVAL};
    if (!packet.pull_up(length)) return Error{ENOBUFS};
    // SAFETY: the header is made of bytes, and all of them are there.
    auto& header = *reinterpret_cast<Ipv4Header*>(packet.front().data());
    header.total_length = static_cast<uint16_t>(total);
    if (header.source == 0) header.source = path.source.v4().value;
    if (header.identification == 0) header.identification = static_cast<uint16_t>(++next_identification_);
    header.checksum = 0;
    header.checksum.set_raw(checksum_of(packet.front().first(length)));
    path.interface->send(path.next_hop, std::move(packet));
    return {};
}

Result<void> IpLayer::send_fragments(const Path& path, Packet&& payload, const IpSend& header) {
    const bool v4 = header.destination.is_v4();
    const uint32_t size = v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header) + sizeof(Ipv6FragmentHeader);
    // A device completes the checksum of one packet, not of its fragments.
    if (payload.offload().checksum == ChecksumState::Partial) {
        if (!payload.pull_up(size_t{payload.offload().checksum_start} + payload.offload().checksum_offset + 2)) return Error{ENOBUFS};
        ChecksumSum sum;
        payload.add_to(sum, payload.offload().checksum_start, payload.length() - payload.offload().checksum_start);
        const uint16_t checksum = sum.checksum();
        store_raw(&payload.front()[payload.offload().checksum_start + payload.offload().checksum_offset],
                  checksum ? checksum : uint16_t{0xffff});
    }
    const uint32_t identification = static_cast<uint32_t>(v4 ? ++next_identification_ : stack_.random().next());
    const size_t most = fragment_data(path, v4);
    for (size_t offset = 0; offset < payload.length(); offset += most) {
        const size_t length = std::min(most, payload.length() - offset);
        const bool more = offset + length < payload.length();
        Packet part = payload.share(offset, length);
        uint8_t* at = part ? part.push_front(size) : nullptr;
        if (!at) {
            stack_.count(Drop::NoMemory);
            return Error{ENOBUFS};
        }
        if (v4) {
            write_ipv4(*reinterpret_cast<Ipv4Header*>(at), header.source, header.destination, header.protocol, length + size, header.ttl,
                       header.traffic_class, static_cast<uint16_t>(identification),
                       static_cast<uint16_t>(offset / 8 | (more ? Ipv4Header::more_fragments : 0)));
        } else {
            write_ipv6(*reinterpret_cast<Ipv6Header*>(at), header.source, header.destination, Protocol::Fragment,
                       length + sizeof(Ipv6FragmentHeader), header.ttl, header.traffic_class, header.flow_label);
            auto& fragment = *reinterpret_cast<Ipv6FragmentHeader*>(at + sizeof(Ipv6Header));
            fragment = {static_cast<uint8_t>(header.protocol), 0, static_cast<uint16_t>(offset | (more ? 1 : 0)), identification};
        }
        path.interface->send(path.next_hop, std::move(part));
    }
    return {};
}

}  // namespace eremite::net
