// Options that sockets of the Internet have in common (socket(7), ip(7), ipv6(7)).
#include <linux/net_tstamp.h>

#include <algorithm>
#include <cstring>

#include "libos/socket/inet/inet_socket.hpp"
#include "libos/socket/inet/interfaces.hpp"

namespace eremite::socket {

// Those that are on or off.
bool* InetSocket::find_switch(int level, int name) {
    const struct {
        int level, name;
        bool* value;
    } switches[] = {
        {SOL_SOCKET, SO_REUSEADDR, &reuse_address_},
        {SOL_SOCKET, SO_REUSEPORT, &reuse_port_},
        {SOL_SOCKET, SO_KEEPALIVE, &keep_alive_},
        {SOL_SOCKET, SO_BROADCAST, &broadcast_},
        {SOL_SOCKET, SO_DONTROUTE, &dont_route_},
        {SOL_SOCKET, SO_OOBINLINE, &urgent_inline_},
        {SOL_SOCKET, SO_ZEROCOPY, &zero_copy_},
        {IPPROTO_IP, IP_PKTINFO, &want_info_v4_},
        {IPPROTO_IP, IP_RECVTTL, &want_ttl_v4_},
        {IPPROTO_IP, IP_RECVTOS, &want_class_v4_},
        {IPPROTO_IP, IP_RECVERR, &errors_v4_},
        {IPPROTO_IPV6, IPV6_V6ONLY, &v6_only_},
        {IPPROTO_IPV6, IPV6_RECVPKTINFO, &want_info_v6_},
        {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &want_ttl_v6_},
        {IPPROTO_IPV6, IPV6_2292HOPLIMIT, &want_old_ttl_v6_},
        {IPPROTO_IPV6, IPV6_RECVTCLASS, &want_class_v6_},
        {IPPROTO_IPV6, IPV6_RECVERR, &errors_v6_},
    };
    for (const auto& s : switches)
        if (s.level == level && s.name == name) return s.value;
    return nullptr;
}

void InetSocket::inherit(const InetSocket& from) {
    v6_only_ = from.v6_only_;
    reuse_address_ = from.reuse_address_;
    reuse_port_ = from.reuse_port_;
    keep_alive_ = from.keep_alive_;
    broadcast_ = from.broadcast_;
    dont_route_ = from.dont_route_;
    ttl_v4_ = from.ttl_v4_;
    ttl_v6_ = from.ttl_v6_;
    class_v4_ = from.class_v4_;
    class_v6_ = from.class_v6_;
    discover_v4_ = from.discover_v4_;
    discover_v6_ = from.discover_v6_;
    urgent_inline_ = from.urgent_inline_;
    zero_copy_ = from.zero_copy_;
    device_ = from.device_;
    priority = from.priority.load();
    mark = from.mark.load();
    send_buffer = from.send_buffer.load();
    receive_buffer = from.receive_buffer.load();
    send_buffer_set = from.send_buffer_set.load();
    receive_buffer_set = from.receive_buffer_set.load();
    send_timeout = from.send_timeout.load();
    receive_timeout = from.receive_timeout.load();
}

std::optional<int> InetSocket::number(int level, int name) {
    if (level == IPPROTO_IPV6 && domain() != AF_INET6) return std::nullopt;
    if (const bool* const value = find_switch(level, name)) return *value;
    if (level == SOL_SOCKET) {
        switch (name) {
            case SO_TIMESTAMP:
            case SO_TIMESTAMPNS: return timestamp_ == name;
            case SO_TIMESTAMPING: return timestamping_;
            default: return std::nullopt;
        }
    }
    if (level == IPPROTO_IP) {
        switch (name) {
            case IP_TTL: return ttl_v4_;
            case IP_TOS: return class_v4_;
            case IP_MTU_DISCOVER: return discover_v4_;
            default: return std::nullopt;
        }
    }
    if (level == IPPROTO_IPV6) {
        switch (name) {
            case IPV6_UNICAST_HOPS: return ttl_v6_;
            case IPV6_TCLASS: return class_v6_;
            case IPV6_MTU_DISCOVER: return discover_v6_;
            default: return std::nullopt;
        }
    }
    return std::nullopt;
}

Result<bool> InetSocket::set_number(int level, int name, int value) {
    if (level == IPPROTO_IPV6 && domain() != AF_INET6) return Error{ENOPROTOOPT};
    if (bool* const on = find_switch(level, name)) {
        // What a socket that is bound has taken stays.
        const auto own = endpoint(false);
        if (on == &v6_only_ && own.ok() && own.value().port != 0) return Error{EINVAL};
        if (on == &zero_copy_ && (value < 0 || value > 1)) return Error{EINVAL};
        *on = value != 0;
        return true;
    }
    if (level == SOL_SOCKET) {
        switch (name) {
            case SO_TIMESTAMP:
            case SO_TIMESTAMPNS: timestamp_ = static_cast<uint8_t>(value != 0 ? name : 0); return true;
            case SO_TIMESTAMPING:
                // Nobody notes when packets are sent, and no device notes anything.
                if ((value & ~(SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)) != 0) return Error{EINVAL};
                timestamping_ = value;
                return true;
            default: return false;
        }
    }
    const bool v4 = level == IPPROTO_IP, v6 = level == IPPROTO_IPV6;
    if ((v4 && name == IP_TTL) || (v6 && name == IPV6_UNICAST_HOPS)) {
        if (value == -1) value = 64;
        if (value < (v4 ? 1 : 0) || value > 255) return Error{EINVAL};
        (v4 ? ttl_v4_ : ttl_v6_) = static_cast<uint8_t>(value);
        return true;
    }
    if ((v4 && name == IP_TOS) || (v6 && name == IPV6_TCLASS)) {
        if (v6 && (value < -1 || value > 255)) return Error{EINVAL};
        (v4 ? class_v4_ : class_v6_) = static_cast<uint8_t>(value == -1 ? 0 : value);
        return true;
    }
    if ((v4 && name == IP_MTU_DISCOVER) || (v6 && name == IPV6_MTU_DISCOVER)) {
        if (value < IP_PMTUDISC_DONT || value > IP_PMTUDISC_OMIT) return Error{EINVAL};
        (v4 ? discover_v4_ : discover_v6_) = static_cast<uint8_t>(value);
        return true;
    }
    return false;
}

Result<size_t> InetSocket::option(int level, int name, std::span<uint8_t> value) {
    const network::ShardGuard guard{shard_};
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE) {
        if (!device()) return size_t{0};
        const InterfaceName name_of_device = name_of(*device());
        const size_t size = name_of_device.view().size() + 1;
        if (value.size() < IFNAMSIZ) return Error{EINVAL};
        std::memcpy(value.data(), name_of_device.text.data(), size);
        return size;
    }
    auto found = number(level, name);
    if ((level == IPPROTO_IP && name == IP_MTU) || (level == IPPROTO_IPV6 && domain() == AF_INET6 && name == IPV6_MTU)) {
        const net::Endpoint peer = TRY(endpoint(true));
        found = TRY(stack().ip().find_path(peer.address, {}, device())).mtu;
    }
    // The layers of IPv4 and of IPv6 say it differently.
    const bool known_level = level == SOL_SOCKET || level == IPPROTO_IP || level == protocol() || domain() == AF_INET6;
    if (!found) return Error{known_level ? ENOPROTOOPT : EOPNOTSUPP};
    // Options of IP may be single bytes (ip(7)).
    const size_t size = level == IPPROTO_IP && !value.empty() && value.size() < sizeof *found && *found >= 0 && *found <= 255 ? 1 : sizeof *found;
    std::memcpy(value.data(), &*found, std::min(value.size(), size));
    return std::min(value.size(), size);
}

Result<void> InetSocket::bind_to_device(std::span<const uint8_t> bytes) {
    char name[IFNAMSIZ]{};
    std::memcpy(name, bytes.data(), std::min(bytes.size(), sizeof name - 1));
    net::Interface* const interface = name[0] == '\0' ? nullptr : find_interface(stack(), std::string_view{name});
    if (name[0] != '\0' && !interface) return Error{ENODEV};
    device_ = interface ? interface->index() : 0;
    options_changed();
    return {};
}

Result<void> InetSocket::set_option(int level, int name, std::span<const uint8_t> value) {
    const network::ShardGuard guard{shard_};
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE) return bind_to_device(value);
    int wanted = 0;
    if (value.size() >= sizeof wanted) std::memcpy(&wanted, value.data(), sizeof wanted);
    // Options of IP may be single bytes (ip(7)).
    else if (!value.empty() && level == IPPROTO_IP) wanted = value[0];
    else return Error{level == SOL_SOCKET || find_switch(level, name) || number(level, name) ? EINVAL : ENOPROTOOPT};
    if (!TRY(set_number(level, name, wanted))) return Error{ENOPROTOOPT};
    options_changed();
    return {};
}

}  // namespace eremite::socket
