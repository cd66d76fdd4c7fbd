#include "libos/socket/inet/inet_socket.hpp"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "libos/socket/inet/interfaces.hpp"

namespace eremite::socket {

namespace {

uint16_t port_of(in_port_t port) { return __builtin_bswap16(port); }

}  // namespace

// Without an interface there is the loopback.
Result<network::Network*> running_network() {
    if (!network::Network::running()) TRY(network::Network::start());
    return network::Network::running();
}

Result<Ref<Socket>> create_network_socket(int domain, int type, int protocol, uint32_t flags) {
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_NETLINK) return Error{EAFNOSUPPORT};
    network::Network& network = *TRY(running_network());
    if (domain == AF_NETLINK) return create_route_socket(network, type, protocol, flags);
    const int icmp = domain == AF_INET ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
    switch (type) {
        case SOCK_STREAM:
            if (protocol != 0 && protocol != IPPROTO_TCP) return Error{EPROTONOSUPPORT};
            return create_tcp_socket(network, domain, flags);
        case SOCK_DGRAM:
            if (protocol == icmp) return create_icmp_socket(network, domain, type, protocol, flags);
            if (protocol != 0 && protocol != IPPROTO_UDP) return Error{EPROTONOSUPPORT};
            return create_udp_socket(network, domain, flags);
        case SOCK_RAW:
            if (protocol <= 0 || protocol > (domain == AF_INET ? IPPROTO_RAW : IPPROTO_RAW - 1)) return Error{EPROTONOSUPPORT};
            return create_icmp_socket(network, domain, type, protocol, flags);
        default: return Error{ESOCKTNOSUPPORT};
    }
}

InetSocket::InetSocket(network::Shard& shard, int domain, int type, int protocol, uint32_t flags)
    : Socket{domain, type, flags}, shard_{&shard}, protocol_{protocol} {}

void InetSocket::move_to(network::ShardGuard& guard, network::Shard& other) {
    if (&other == &shard()) return;
    // Those who wait do so with the lock of the shard, and come after.
    ++notifications_;
    waiting_.wake_all();
    moves_to(other);
    shard_.store(&other, std::memory_order_relaxed);
    guard.follow(shard_);
}

Result<net::Endpoint> InetSocket::parse(std::span<const uint8_t> address) const {
    // RFC 2133 had no scope at the end.
    constexpr size_t least_v6 = offsetof(sockaddr_in6, sin6_scope_id);
    sa_family_t family = 0;
    if (address.size() < (domain() == AF_INET ? sizeof(sockaddr_in) : least_v6)) return Error{EINVAL};
    std::memcpy(&family, address.data(), sizeof family);
    if (family != domain()) return Error{EAFNOSUPPORT};
    if (family == AF_INET) {
        sockaddr_in in;
        std::memcpy(&in, address.data(), sizeof in);
        return net::Endpoint{net::Ipv4Address{__builtin_bswap32(in.sin_addr.s_addr)}, port_of(in.sin_port)};
    }
    sockaddr_in6 in;
    std::memcpy(&in, address.data(), std::min(sizeof in, address.size()));
    return net::Endpoint{net::IpAddress::from_bytes(in.sin6_addr.s6_addr), port_of(in.sin6_port)};
}

bool InetSocket::is_unspecified(std::span<const uint8_t> address) {
    sa_family_t family = AF_UNIX;
    if (address.size() >= sizeof family) std::memcpy(&family, address.data(), sizeof family);
    return family == AF_UNSPEC;
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

net::IpAddress InetSocket::reachable(const net::IpAddress& to) {
    if (!to.is_unspecified()) return to;
    return to.is_v4() ? net::IpAddress{net::Ipv4Address::of(127, 0, 0, 1)} : net::loopback_v6;
}

Result<size_t> InetSocket::receive_note(Message& message) {
    if (notes_.empty()) return Error{EAGAIN};
    const ErrorQueue::Note note = notes_.take();
    const bool v6 = domain() == AF_INET6;
    // The report, and who sent it: on the loopback and where that is not known, the peer itself.
    std::array<uint8_t, sizeof(sock_extended_err) + sizeof(sockaddr_in6)> report{};
    const size_t size = sizeof note.error + (v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    std::memcpy(report.data(), &note.error, sizeof note.error);
    if (note.error.ee_origin != SO_EE_ORIGIN_ZEROCOPY) {
        (void)write({note.about.address, 0}, std::span{report}.subspan(sizeof note.error));
        message.from_size = write(note.about, message.from);
    }
    if (message.control)
        message.control->add(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, std::span<const uint8_t>{report}.first(size));
    message.result_flags |= MSG_ERRQUEUE;
    return size_t{0};
}

void InetSocket::note_sent(const Message& message) {
    if (!zero_copy_ || (message.flags & MSG_ZEROCOPY) == 0) return;
    notes_.add_copied();
    source_.notify(POLLERR);
}

void InetSocket::notify(uint32_t happened) {
    if ((happened & net::event::error) != 0) failed();
    ++notifications_;
    waiting_.wake_all();
    source_.notify(events());
}

Result<void> InetSocket::wait(network::ShardGuard& guard, bool waits, Instant deadline) {
    if (!waits) return Error{EAGAIN};
    const uint32_t seen = notifications_;
    // What goes out may be answered at once, on the loopback.
    guard.pause();
    const sched::Wakeup why = notifications_ != seen ? sched::Wakeup::Woken : waiting_.wait(guard.shard().lock(), deadline);
    guard.resume();
    guard.follow(shard_);
    return outcome(why, deadline);
}

uint32_t InetSocket::readiness() {
    const network::ShardGuard guard{shard_, network::ShardGuard::quickly};
    return events();
}

Result<size_t> InetSocket::address(bool of_peer, std::span<uint8_t> buffer) {
    const network::ShardGuard guard{shard_, network::ShardGuard::quickly};
    return write(TRY(endpoint(of_peer)), buffer);
}

}  // namespace eremite::socket
