// ICMP for programs: raw sockets of any protocol (raw(7)), and echo requests without privileges (icmp(7)).
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <poll.h>

#include <algorithm>
#include <cstring>

#include "libos/socket/inet/datagram_socket.hpp"

namespace eremite::socket {

namespace {

class IcmpSocket final : public DatagramSocket, private net::RawReceiver {
public:
    IcmpSocket(network::Shard& shard, int domain, int type, int protocol, uint32_t flags)
        : DatagramSocket{shard, domain, type, protocol, flags}, local_{any_address(), 0}, remote_{any_address(), 0},
          header_included_{protocol == IPPROTO_RAW} {
        const network::ShardGuard guard{shard_};
        stack().ip().add_raw(*this);
    }
    ~IcmpSocket() override {
        const network::ShardGuard guard{shard_};
        ListNode<RawReceiver>::unlink();
        queue_.clear();
    }

    [[nodiscard]] Result<void> bind(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> connect(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<size_t> send(Message& message) override;
    [[nodiscard]] Result<size_t> receive(Message& message) override;
    [[nodiscard]] Result<void> shutdown(int) override { return Error{connected_ ? EOPNOTSUPP : ENOTCONN}; }
    [[nodiscard]] int take_error() override { return 0; }
    [[nodiscard]] Result<size_t> queued(bool outgoing) override;
    [[nodiscard]] Result<void> set_option(int level, int name, std::span<const uint8_t> value) override;

private:
    // The rest requires the network's lock.
    [[nodiscard]] bool echo_only() const { return type() == SOCK_DGRAM; }
    [[nodiscard]] bool filtered(uint8_t icmp_type) const { return (filter_[icmp_type / 32] >> (icmp_type % 32) & 1) != 0; }
    void receive(const net::IpReceived& ip, const net::Packet& packet) override;
    [[nodiscard]] uint32_t events() override { return POLLOUT | POLLWRNORM | POLLWRBAND | (queue_.empty() ? 0 : POLLIN | POLLRDNORM); }
    [[nodiscard]] Result<net::Endpoint> endpoint(bool of_peer) override {
        if (of_peer && !connected_) return Error{ENOTCONN};
        return of_peer ? remote_ : local_;
    }
    [[nodiscard]] Result<void> join(const net::IpAddress& group, net::Interface& interface) override { return interface.join(group); }
    [[nodiscard]] Result<void> leave(const net::IpAddress& group, net::Interface& interface) override {
        interface.leave(group);
        return {};
    }
    [[nodiscard]] Result<void> prepare_echo(net::Packet& message);
    [[nodiscard]] static bool says_header(int level, int name) { return level == IPPROTO_IP && name == IP_HDRINCL; }
    [[nodiscard]] std::optional<int> number(int level, int name) override {
        return says_header(level, name) && type() == SOCK_RAW ? header_included_ : DatagramSocket::number(level, name);
    }
    [[nodiscard]] Result<bool> set_number(int level, int name, int value) override {
        if (!says_header(level, name)) return DatagramSocket::set_number(level, name, value);
        if (type() == SOCK_RAW) header_included_ = value != 0;
        return type() == SOCK_RAW;
    }

    net::Endpoint local_, remote_;  // the port of an echo socket is the identifier of its requests
    bool connected_ = false;
    bool header_included_;  // IP_HDRINCL: what is sent begins with a header of IPv4
    net::PacketQueue queue_{};      // each with a net::Datagram in front
    std::array<uint32_t, 8> filter_{};  // types that are not wanted
};

// Those that look for replies without a number of their own get one here.
uint16_t next_identifier() {
    static constinit std::atomic<uint16_t> last{0};
    uint16_t id = 0;
    while (id == 0) id = static_cast<uint16_t>(last.fetch_add(1, std::memory_order_relaxed) + 1);
    return id;
}

Result<void> IcmpSocket::bind(std::span<const uint8_t> address) {
    net::Endpoint local = TRY(parse(address));
    const network::ShardGuard guard{shard_};
    if (!local.address.is_unspecified() && !stack().is_own(local.address)) return Error{EADDRNOTAVAIL};
    if (echo_only() && local_.port != 0) return Error{EINVAL};
    if (echo_only() && local.port == 0) local.port = next_identifier();
    local_ = local;
    return {};
}

Result<void> IcmpSocket::connect(std::span<const uint8_t> address) {
    if (is_unspecified(address)) {
        const network::ShardGuard guard{shard_};
        connected_ = false;
        return {};
    }
    const net::Endpoint to = TRY(parse(address));
    const network::ShardGuard guard{shard_};
    const net::Path path = TRY(stack().ip().find_path(to.address, {}, device()));
    if (local_.address.is_unspecified()) local_.address = path.source;
    if (echo_only() && local_.port == 0) local_.port = next_identifier();
    remote_ = to;
    connected_ = true;
    return {};
}

void IcmpSocket::receive(const net::IpReceived& ip, const net::Packet& packet) {
    const bool v4 = domain() == AF_INET;
    if (ip.protocol != protocol() || ip.source.is_v4() != v4 || (device() && device() != &ip.interface)) return;
    if (!local_.address.is_unspecified() && local_.address != ip.destination) return;
    if (connected_ && remote_.address != ip.source) return;
    const bool icmp = ip.protocol == IPPROTO_ICMP || ip.protocol == IPPROTO_ICMPV6;
    if (icmp) {
        net::IcmpHeader header;
        if (packet.length() < ip.payload_offset + sizeof header) return;
        // SAFETY: the header is made of bytes.
        packet.copy_to(ip.payload_offset, {reinterpret_cast<uint8_t*>(&header), sizeof header});
        if (filtered(header.type)) return;
        const uint32_t rest = header.rest;
        if (echo_only() && (header.type != (v4 ? net::icmp4::echo_reply : net::icmp6::echo_reply) || rest >> 16 != local_.port)) return;
    }
    // Only a raw socket of IPv4 sees IP headers.
    const size_t from = v4 && !echo_only() ? 0 : ip.payload_offset;
    if (queue_.bytes() + packet.length() > receive_buffer.load(std::memory_order_relaxed)) return stack().count(net::Drop::QueueFull);
    net::Packet copy = packet.share(from, packet.length() - from);
    const net::Datagram arrival{{ip.source, 0}, {ip.destination, 0}, static_cast<uint16_t>(ip.interface.index()), ip.ttl,
                                ip.traffic_class, stack().now()};
    uint8_t* const front = copy ? copy.push_front(sizeof arrival) : nullptr;
    if (!front) return stack().count(net::Drop::NoMemory);
    std::memcpy(front, &arrival, sizeof arrival);
    queue_.push(std::move(copy));
    InetSocket::notify(net::event::readable);
}

// The identifier is the socket's own.
Result<void> IcmpSocket::prepare_echo(net::Packet& message) {
    if (message.length() < sizeof(net::IcmpHeader)) return Error{EINVAL};
    // SAFETY: the header is made of bytes, and the first of them are in one piece.
    auto& header = *reinterpret_cast<net::IcmpHeader*>(message.front().data());
    if (header.type != (domain() == AF_INET ? net::icmp4::echo : net::icmp6::echo) || header.code != 0) return Error{EINVAL};
    if (local_.port == 0) local_.port = next_identifier();
    const uint32_t rest = header.rest;
    header.rest = uint32_t{local_.port} << 16 | (rest & 0xffff);
    return {};
}

// The data of a message as a packet.
Result<net::Packet> take_data(net::PacketPool& pool, fs::IoBuffer& data) {
    net::Packet packet;
    Source source{data};
    for (size_t left = data.remaining(); left > 0 || !packet;) {
        net::Packet piece = packet ? pool.allocate_data(static_cast<uint32_t>(left)) : net::Packet::allocate(pool);
        if (!piece) return Error{ENOBUFS};
        net::Fragment* const f = piece.head();
        const auto length = static_cast<uint32_t>(std::min<size_t>(left, f->tailroom()));
        TRY(source.read({f->data, length}));
        f->length = f->total = length;
        left -= length;
        if (packet) packet.append(std::move(piece));
        else packet = std::move(piece);
    }
    return packet;
}

Result<size_t> IcmpSocket::send(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    constexpr size_t most = 65535 - 60;
    const size_t size = message.data.remaining();
    if (size > most) return Error{EMSGSIZE};
    std::optional<net::Endpoint> to;
    if (!message.to.empty()) to = TRY(parse(message.to));
    const network::ShardGuard guard{shard_};
    net::Packet packet = TRY(take_data(stack().pool(), message.data));
    if (!packet.pull_up(std::min(size, sizeof(net::IcmpHeader)))) return Error{ENOBUFS};
    if (echo_only()) TRY(prepare_echo(packet));
    if (!to && !connected_) return Error{EDESTADDRREQ};
    const net::IpAddress destination = reachable(to ? to->address : remote_.address);
    const Sending how = TRY(sending(message, destination));
    const net::IpAddress& wanted = how.source.is_unspecified() ? local_.address : how.source;
    net::IpLayer& ip = stack().ip();
    const net::Path path = TRY(ip.find_path(destination, wanted.is_unspecified() ? net::IpAddress{} : wanted, how.interface));
    if (!broadcast_ && path.interface->is_broadcast(destination)) return Error{EACCES};
    // Raw sockets of IPv4 bring their checksum along.
    if (echo_only() || protocol() == IPPROTO_ICMPV6) {
        if (size < sizeof(net::IcmpHeader)) return Error{EINVAL};
        TRY(ip.send_icmp(path, path.source, destination, std::move(packet), how.ttl));
        return size;
    }
    packet.offload() = {.checksum = net::ChecksumState::Verified};
    if (header_included_ && domain() == AF_INET) {
        TRY(ip.send_with_header(path, std::move(packet)));
        return size;
    }
    TRY(ip.send(path, std::move(packet),
                {.source = path.source,
                 .destination = destination,
                 .protocol = static_cast<net::Protocol>(protocol()),
                 .ttl = how.ttl,
                 .traffic_class = how.traffic_class}));
    return size;
}

Result<size_t> IcmpSocket::receive(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    const Instant end = deadline(receive_timeout);
    network::ShardGuard guard{shard_};
    if ((message.flags & MSG_ERRQUEUE) != 0) return Error{EAGAIN};
    while (queue_.empty()) TRY(wait(guard, waits(message), end));
    net::Packet packet = queue_.pop();
    net::Datagram arrival;
    // SAFETY: every packet of the queue begins with one.
    packet.copy_to(0, {reinterpret_cast<uint8_t*>(&arrival), sizeof arrival});
    net::Packet kept = (message.flags & MSG_PEEK) != 0 ? packet.share(0, packet.length()) : net::Packet{};
    packet.remove_front(sizeof arrival);
    arrival.length = static_cast<uint32_t>(packet.length());
    auto given = hand_over(packet, arrival, message);
    if (kept) queue_.push_front(std::move(kept));
    return given;
}

Result<size_t> IcmpSocket::queued(bool outgoing) {
    const network::ShardGuard guard{shard_};
    return outgoing || queue_.empty() ? size_t{0} : queue_.front()->total - sizeof(net::Datagram);
}

Result<void> IcmpSocket::set_option(int level, int name, std::span<const uint8_t> value) {
    const bool v4_filter = level == SOL_RAW && name == ICMP_FILTER && protocol() == IPPROTO_ICMP;
    const bool v6_filter = level == IPPROTO_ICMPV6 && name == ICMP6_FILTER && protocol() == IPPROTO_ICMPV6;
    if (type() == SOCK_RAW && (v4_filter || v6_filter)) {
        const network::ShardGuard guard{shard_};
        std::memcpy(filter_.data(), value.data(), std::min(value.size(), v4_filter ? sizeof filter_[0] : sizeof filter_));
        return {};
    }
    // The checksum of ICMPv6 is always written (RFC 3542 section 3.1).
    if (type() == SOCK_RAW && level == SOL_RAW && name == IPV6_CHECKSUM) return Error{EINVAL};
    return DatagramSocket::set_option(level, name, value);
}

}  // namespace

Result<Ref<Socket>> create_icmp_socket(network::Network& network, int domain, int type, int protocol, uint32_t flags) {
    return Ref<Socket>{TRY(make_ref<IcmpSocket>(network.first(), domain, type, protocol, flags))};
}

}  // namespace eremite::socket
