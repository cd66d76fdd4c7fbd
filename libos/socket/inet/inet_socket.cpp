#include "libos/socket/inet/inet_socket.hpp"

#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cstring>

#include "base/format.hpp"
#include "base/restart.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::socket {

namespace {

constinit std::atomic<uint64_t> last_number{1'000'000};

uint16_t port_of(in_port_t port) { return __builtin_bswap16(port); }

}  // namespace

Result<Ref<Socket>> create_inet_socket(int domain, int type, int protocol, uint32_t flags) {
    // Without an interface there is the loopback.
    if (!network::Network::running()) TRY(network::Network::start());
    network::Network* const network = network::Network::running();
    switch (type) {
        case SOCK_STREAM:
            if (protocol != 0 && protocol != IPPROTO_TCP) return Error{EPROTONOSUPPORT};
            return create_tcp_socket(*network, domain, flags);
        case SOCK_DGRAM:
            if (protocol != 0 && protocol != IPPROTO_UDP) return Error{EPROTONOSUPPORT};
            return create_udp_socket(*network, domain, flags);
        default: return Error{ESOCKTNOSUPPORT};
    }
}

InetSocket::InetSocket(network::Network& network, int domain, int type, uint32_t flags)
    : Socket{domain, type, flags}, network_{network}, number_{last_number.fetch_add(1, std::memory_order_relaxed)} {}

Result<net::Endpoint> InetSocket::parse(std::span<const uint8_t> address) const {
    sa_family_t family = 0;
    if (address.size() < sizeof family) return Error{EINVAL};
    std::memcpy(&family, address.data(), sizeof family);
    if (family == AF_INET && domain() == AF_INET) {
        sockaddr_in in;
        if (address.size() < sizeof in) return Error{EINVAL};
        std::memcpy(&in, address.data(), sizeof in);
        return net::Endpoint{net::Ipv4Address{__builtin_bswap32(in.sin_addr.s_addr)}, port_of(in.sin_port)};
    }
    if (family == AF_INET6 && domain() == AF_INET6) {
        sockaddr_in6 in;
        // RFC 2133 had no scope at the end.
        if (address.size() < offsetof(sockaddr_in6, sin6_scope_id)) return Error{EINVAL};
        std::memcpy(&in, address.data(), std::min(sizeof in, address.size()));
        return net::Endpoint{net::IpAddress::from_bytes(in.sin6_addr.s6_addr), port_of(in.sin6_port)};
    }
    return Error{EAFNOSUPPORT};
}

size_t InetSocket::write(const net::Endpoint& endpoint, std::span<uint8_t> buffer) const {
    if (domain() == AF_INET) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = __builtin_bswap16(endpoint.port);
        in.sin_addr.s_addr = endpoint.address.is_v4() ? __builtin_bswap32(endpoint.address.v4().value) : 0;
        std::memcpy(buffer.data(), &in, std::min(buffer.size(), sizeof in));
        return sizeof in;
    }
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = __builtin_bswap16(endpoint.port);
    std::memcpy(in.sin6_addr.s6_addr, endpoint.address.bytes().data(), sizeof in.sin6_addr);
    std::memcpy(buffer.data(), &in, std::min(buffer.size(), sizeof in));
    return sizeof in;
}

net::IpAddress InetSocket::any_address() const { return domain() == AF_INET ? net::IpAddress{net::Ipv4Address{}} : net::IpAddress{}; }

void InetSocket::notify(uint32_t) {
    ++notifications_;
    waiting_.wake_all();
    source_.notify(events());
}

Result<void> InetSocket::wait(network::NetworkGuard& guard, bool waits, Instant deadline) {
    if (!waits) return Error{EAGAIN};
    const uint32_t seen = notifications_;
    // What goes out may be answered at once, on the loopback.
    guard.pause();
    const sched::Wakeup why = notifications_ != seen ? sched::Wakeup::Woken : waiting_.wait(network_.lock(), deadline);
    guard.resume();
    switch (why) {
        // With a timeout, the call is not made again (signal(7)).
        case sched::Wakeup::Interrupted: return Error{deadline == Instant::never() ? restart_if_asked : EINTR};
        case sched::Wakeup::TimedOut: return Error{EAGAIN};
        case sched::Wakeup::Woken: return {};
    }
    __builtin_unreachable();
}

uint32_t InetSocket::readiness() {
    const sync::Guard guard{network_.lock()};
    return events();
}

Result<fs::Attributes> InetSocket::attributes() {
    fs::Attributes a;
    a.inode = number_;
    a.mode = S_IFSOCK | 0777;
    return a;
}

size_t InetSocket::describe(char* path, size_t size) {
    BufferSink sink{{path, size}};
    format(sink, "socket:[{}]", number_);
    return sink.view().size();
}

Result<size_t> InetSocket::address(bool of_peer, std::span<uint8_t> buffer) {
    const sync::Guard guard{network_.lock()};
    return write(TRY(endpoint(of_peer)), buffer);
}

std::optional<int> InetSocket::number(int level, int name) {
    if (level == SOL_SOCKET) {
        switch (name) {
            case SO_REUSEADDR: return reuse_address_;
            case SO_REUSEPORT: return reuse_port_;
            case SO_KEEPALIVE: return keep_alive_;
            case SO_BROADCAST: return broadcast_;
            default: return std::nullopt;
        }
    }
    if (level == IPPROTO_IP) {
        switch (name) {
            case IP_TTL: return ttl_;
            case IP_TOS: return traffic_class_;
            default: return std::nullopt;
        }
    }
    if (level == IPPROTO_IPV6 && domain() == AF_INET6) {
        switch (name) {
            case IPV6_V6ONLY: return v6_only_;
            case IPV6_UNICAST_HOPS: return ttl_;
            case IPV6_TCLASS: return traffic_class_;
            default: return std::nullopt;
        }
    }
    return std::nullopt;
}

Result<bool> InetSocket::set_number(int level, int name, int value) {
    if (level == SOL_SOCKET) {
        switch (name) {
            case SO_REUSEADDR: reuse_address_ = value != 0; return true;
            case SO_REUSEPORT: reuse_port_ = value != 0; return true;
            case SO_KEEPALIVE: keep_alive_ = value != 0; return true;
            case SO_BROADCAST: broadcast_ = value != 0; return true;
            default: return false;
        }
    }
    const bool hops = (level == IPPROTO_IP && name == IP_TTL) || (level == IPPROTO_IPV6 && name == IPV6_UNICAST_HOPS);
    if (hops) {
        if (value == -1) value = 64;
        if (value < 1 || value > 255) return Error{EINVAL};
        ttl_ = static_cast<uint8_t>(value);
        return true;
    }
    if ((level == IPPROTO_IP && name == IP_TOS) || (level == IPPROTO_IPV6 && name == IPV6_TCLASS)) {
        traffic_class_ = static_cast<uint8_t>(value == -1 ? 0 : value);
        return true;
    }
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
        if (domain() != AF_INET6) return Error{ENOPROTOOPT};
        v6_only_ = value != 0;
        return true;
    }
    return false;
}

Result<size_t> InetSocket::option(int level, int name, std::span<uint8_t> value) {
    const network::NetworkGuard guard{network_};
    const auto found = number(level, name);
    if (!found) return Error{ENOPROTOOPT};
    std::memcpy(value.data(), &*found, std::min(value.size(), sizeof *found));
    return std::min(value.size(), sizeof *found);
}

Result<void> InetSocket::set_option(int level, int name, std::span<const uint8_t> value) {
    int wanted = 0;
    if (value.size() >= sizeof wanted) std::memcpy(&wanted, value.data(), sizeof wanted);
    // Options of IP may be single bytes (ip(7)).
    else if (!value.empty() && level == IPPROTO_IP) wanted = value[0];
    else return Error{EINVAL};
    const network::NetworkGuard guard{network_};
    if (!TRY(set_number(level, name, wanted))) return Error{ENOPROTOOPT};
    return {};
}

}  // namespace eremite::socket
