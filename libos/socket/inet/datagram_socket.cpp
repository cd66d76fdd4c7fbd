#include "libos/socket/inet/datagram_socket.hpp"

#include <linux/net_tstamp.h>
#include <netinet/udp.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "libos/platform/clock.hpp"
#include "libos/socket/inet/interfaces.hpp"

namespace eremite::socket {

namespace {

net::IpAddress address_of(in_addr address) { return net::Ipv4Address{__builtin_bswap32(address.s_addr)}; }
in_addr in_addr_of(const net::IpAddress& address) { return {address.is_v4() ? __builtin_bswap32(address.v4().value) : 0}; }

// As much of a structure as a program gave.
template <typename T>
T load(std::span<const uint8_t> value) {
    T out{};
    std::memcpy(&out, value.data(), std::min(value.size(), sizeof out));
    return out;
}

}  // namespace

Result<DatagramSocket::Sending> DatagramSocket::sending(const Message& message, const net::IpAddress& to) const {
    Sending s{to.is_multicast() ? multicast_ttl_ : ttl_to(to), class_to(to), device()};
    if (!message.control) return s;
    int error = 0;
    message.control->for_each([&](const ControlItems::Item& item, std::span<const uint8_t> value) {
        const int number = load<int>(value);
        const auto use_info = [&](uint32_t index, const net::IpAddress& source) {
            if (index != 0 && !(s.interface = stack().interface(index))) error = ENODEV;
            if (!source.is_unspecified() && !stack().is_own(source)) error = EINVAL;
            s.source = source;
        };
        if (item.level == IPPROTO_IP && item.type == IP_PKTINFO && value.size() == sizeof(in_pktinfo)) {
            const auto info = load<in_pktinfo>(value);
            use_info(static_cast<uint32_t>(info.ipi_ifindex), address_of(info.ipi_spec_dst));
        } else if (item.level == IPPROTO_IPV6 && item.type == IPV6_PKTINFO && value.size() >= sizeof(in6_pktinfo)) {
            const auto info = load<in6_pktinfo>(value);
            use_info(info.ipi6_ifindex, net::IpAddress::from_bytes(info.ipi6_addr.s6_addr));
        } else if ((item.level == IPPROTO_IP && item.type == IP_TTL) || (item.level == IPPROTO_IPV6 && item.type == IPV6_HOPLIMIT)) {
            if (value.size() != sizeof number || number < (item.level == IPPROTO_IP ? 1 : -1) || number > 255) error = EINVAL;
            else if (number >= 0) s.ttl = static_cast<uint8_t>(number);
        } else if ((item.level == IPPROTO_IP && item.type == IP_TOS) || (item.level == IPPROTO_IPV6 && item.type == IPV6_TCLASS)) {
            if (value.empty() || number < -1 || number > 255) error = EINVAL;
            else if (number >= 0) s.traffic_class = static_cast<uint8_t>(number);
        } else if (item.level == IPPROTO_UDP && item.type == UDP_SEGMENT && protocol() == IPPROTO_UDP) {
            if (value.size() != sizeof(uint16_t)) error = EINVAL;
            else s.segment = load<uint16_t>(value);
        } else if (item.level == IPPROTO_IP || item.level == IPPROTO_IPV6) {
            error = EINVAL;
        }
    });
    if (error != 0) return Error{error};
    return s;
}

void DatagramSocket::describe_arrival(const net::Datagram& arrival, Message& message) const {
    if (!message.control) return;
    ControlItems& items = *message.control;
    constexpr int stamping = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    if (timestamp_ != 0 || timestamping_ == stamping) {
        const int64_t time = platform::realtime_now() - (platform::monotonic_now() - arrival.arrived).ns;
        constexpr int64_t second = 1'000'000'000;
        const timespec precise{time / second, time % second};
        if (timestamp_ == SO_TIMESTAMPNS) items.add_value(SOL_SOCKET, SCM_TIMESTAMPNS, precise);
        if (timestamp_ == SO_TIMESTAMP) items.add_value(SOL_SOCKET, SCM_TIMESTAMP, timeval{precise.tv_sec, precise.tv_nsec / 1000});
        if (timestamping_ == stamping) items.add_value(SOL_SOCKET, SCM_TIMESTAMPING, std::array<timespec, 3>{precise});
    }
    if (arrival.segment != 0) items.add_value(IPPROTO_UDP, UDP_GRO, int{arrival.segment});
    const bool v4 = arrival.destination.address.is_v4();
    const int ttl = arrival.ttl, traffic_class = arrival.traffic_class;
    if (v4) {
        const in_addr to = in_addr_of(arrival.destination.address);
        if (want_info_v4_) items.add_value(IPPROTO_IP, IP_PKTINFO, in_pktinfo{arrival.interface, to, to});
        if (want_ttl_v4_) items.add_value(IPPROTO_IP, IP_TTL, ttl);
        if (want_class_v4_) items.add_value(IPPROTO_IP, IP_TOS, arrival.traffic_class);
    }
    if (domain() != AF_INET6) return;
    if (want_info_v6_) {
        in6_pktinfo info{};
        std::memcpy(&info.ipi6_addr, arrival.destination.address.bytes().data(), sizeof info.ipi6_addr);
        info.ipi6_ifindex = arrival.interface;
        items.add_value(IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
    if (v4) return;
    if (want_ttl_v6_) items.add_value(IPPROTO_IPV6, IPV6_HOPLIMIT, ttl);
    if (want_old_ttl_v6_) items.add_value(IPPROTO_IPV6, IPV6_2292HOPLIMIT, ttl);
    if (want_class_v6_) items.add_value(IPPROTO_IPV6, IPV6_TCLASS, traffic_class);
}

Result<size_t> DatagramSocket::hand_over(net::Packet& packet, const net::Datagram& arrival, Message& message) const {
    const size_t size = std::min<size_t>(arrival.length, message.data.remaining());
    for (net::Fragment* f = packet.head(); f && message.data.remaining() != 0; f = f->next) {
        const size_t piece = std::min<size_t>(f->length, message.data.remaining());
        if (message.data.put(f->data, piece) != piece) return Error{EFAULT};
    }
    if (size < arrival.length) message.result_flags |= MSG_TRUNC;
    message.from_size = write(arrival.source, message.from);
    describe_arrival(arrival, message);
    return (message.flags & MSG_TRUNC) != 0 ? arrival.length : size;
}

std::optional<int> DatagramSocket::number(int level, int name) {
    const bool v6 = level == IPPROTO_IPV6 && domain() == AF_INET6;
    if ((level == IPPROTO_IP && name == IP_MULTICAST_TTL) || (v6 && name == IPV6_MULTICAST_HOPS)) return multicast_ttl_;
    if ((level == IPPROTO_IP && name == IP_MULTICAST_LOOP) || (v6 && name == IPV6_MULTICAST_LOOP)) return multicast_loop_;
    if (v6 && name == IPV6_MULTICAST_IF) return static_cast<int>(multicast_interface_);
    return InetSocket::number(level, name);
}

Result<bool> DatagramSocket::set_number(int level, int name, int value) {
    const bool v6 = level == IPPROTO_IPV6 && domain() == AF_INET6;
    if ((level == IPPROTO_IP && name == IP_MULTICAST_TTL) || (v6 && name == IPV6_MULTICAST_HOPS)) {
        if (value < -1 || value > 255) return Error{EINVAL};
        multicast_ttl_ = static_cast<uint8_t>(value == -1 ? 1 : value);
        return true;
    }
    if ((level == IPPROTO_IP && name == IP_MULTICAST_LOOP) || (v6 && name == IPV6_MULTICAST_LOOP)) {
        if (v6 && value != 0 && value != 1) return Error{EINVAL};
        multicast_loop_ = value != 0;
        return true;
    }
    return InetSocket::set_number(level, name, value);
}

Result<net::Interface*> DatagramSocket::interface_for(uint32_t index, const net::IpAddress& address) const {
    const net::Stack& stack = shard().stack();
    net::Interface* const found = index != 0                     ? stack.interface(index)
                                  : !address.is_unspecified() ? find_interface(stack, address)
                                                              : stack.default_interface();
    if (!found) return Error{ENODEV};
    return found;
}

Result<void> DatagramSocket::set_membership(int level, int name, std::span<const uint8_t> value) {
    net::IpAddress group, own;
    uint32_t index = 0;
    bool joins = name == MCAST_JOIN_GROUP;
    if (name == MCAST_JOIN_GROUP || name == MCAST_LEAVE_GROUP) {
        if (value.size() < sizeof(group_req)) return Error{EINVAL};
        const auto request = load<group_req>(value);
        index = request.gr_interface;
        // SAFETY: integers may be looked at as bytes.
        group = TRY(parse({reinterpret_cast<const uint8_t*>(&request.gr_group), sizeof request.gr_group})).address;
    } else if (level == IPPROTO_IP) {
        if (value.size() < sizeof(ip_mreq)) return Error{EINVAL};
        const auto request = load<ip_mreqn>(value);
        group = address_of(request.imr_multiaddr);
        own = address_of(request.imr_address);
        index = static_cast<uint32_t>(request.imr_ifindex);
        joins = name == IP_ADD_MEMBERSHIP;
    } else {
        if (value.size() < sizeof(ipv6_mreq)) return Error{EINVAL};
        const auto request = load<ipv6_mreq>(value);
        group = net::IpAddress::from_bytes(request.ipv6mr_multiaddr.s6_addr);
        index = request.ipv6mr_interface;
        joins = name == IPV6_JOIN_GROUP;
    }
    if (!group.is_multicast() || group.is_v4() != (level == IPPROTO_IP)) return Error{EINVAL};
    net::Interface& interface = *TRY(interface_for(index, own));
    return joins ? join(group, interface) : leave(group, interface);
}

Result<void> DatagramSocket::set_multicast_interface(int level, std::span<const uint8_t> value) {
    if (value.size() < sizeof(int)) return Error{EINVAL};
    net::IpAddress address = net::any_v4();
    uint32_t index = 0;
    if (level == IPPROTO_IPV6) {
        index = load<uint32_t>(value);
    } else if (value.size() >= sizeof(ip_mreq)) {
        const auto request = load<ip_mreqn>(value);
        address = address_of(request.imr_address);
        index = static_cast<uint32_t>(request.imr_ifindex);
    } else {
        address = address_of(load<in_addr>(value));
    }
    multicast_interface_ = 0;
    multicast_address_ = address;
    if (index == 0 && address.is_unspecified()) return {};
    const auto found = interface_for(index, address);
    if (!found.ok()) return Error{level == IPPROTO_IP && index == 0 ? EADDRNOTAVAIL : ENODEV};
    multicast_interface_ = found.value()->index();
    return {};
}

Result<size_t> DatagramSocket::option(int level, int name, std::span<uint8_t> value) {
    if (level == IPPROTO_IP && name == IP_MULTICAST_IF) {
        const network::ShardGuard guard{shard_};
        const in_addr address = in_addr_of(multicast_address_);
        const size_t size = std::min(value.size(), sizeof address);
        std::memcpy(value.data(), &address, size);
        return size;
    }
    return InetSocket::option(level, name, value);
}

Result<void> DatagramSocket::set_option(int level, int name, std::span<const uint8_t> value) {
    const bool v4 = level == IPPROTO_IP, v6 = level == IPPROTO_IPV6 && domain() == AF_INET6;
    const bool either = (v4 || v6) && (name == MCAST_JOIN_GROUP || name == MCAST_LEAVE_GROUP);
    const bool of_v4 = v4 && (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP);
    const bool of_v6 = v6 && (name == IPV6_JOIN_GROUP || name == IPV6_LEAVE_GROUP);
    if (either || of_v4 || of_v6) {
        const network::ShardGuard guard{shard_};
        return set_membership(level, name, value);
    }
    if ((v4 && name == IP_MULTICAST_IF) || (v6 && name == IPV6_MULTICAST_IF)) {
        const network::ShardGuard guard{shard_};
        TRY(set_multicast_interface(level, value));
        options_changed();
        return {};
    }
    return InetSocket::set_option(level, name, value);
}

}  // namespace eremite::socket
