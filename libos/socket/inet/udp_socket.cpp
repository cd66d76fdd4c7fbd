#include <netinet/udp.h>
#include <poll.h>

#include <cstring>

#include "libos/signal/signals.hpp"
#include "libos/socket/inet/datagram_socket.hpp"

namespace eremite::socket {

namespace {

// udp(7)
class UdpSocket final : public DatagramSocket {
public:
    UdpSocket(network::Shard& shard, int domain, uint32_t flags)
        : DatagramSocket{shard, domain, SOCK_DGRAM, IPPROTO_UDP, flags}, socket_{shard.stack().udp(), *this} {}
    ~UdpSocket() override {
        const network::ShardGuard guard{shard_};
        peeked_.reset();
        socket_.close();
    }

    [[nodiscard]] Result<void> bind(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> connect(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<size_t> send(Message& message) override;
    [[nodiscard]] Result<size_t> receive(Message& message) override;
    [[nodiscard]] Result<void> shutdown(int how) override;
    [[nodiscard]] int take_error() override {
        const network::ShardGuard guard{shard_};
        return std::exchange(error_, 0);
    }
    [[nodiscard]] Result<size_t> queued(bool outgoing) override;

private:
    // The rest requires the network's lock.
    [[nodiscard]] uint32_t events() override;
    [[nodiscard]] Result<net::Endpoint> endpoint(bool of_peer) override;
    [[nodiscard]] std::optional<int> number(int level, int name) override {
        if (level == IPPROTO_UDP && name == UDP_SEGMENT) return segment_;
        if (level == IPPROTO_UDP && name == UDP_GRO) return joined_;
        return DatagramSocket::number(level, name);
    }
    [[nodiscard]] Result<bool> set_number(int level, int name, int value) override {
        if (level == IPPROTO_UDP && name == UDP_SEGMENT) {
            if (value < 0 || value > UINT16_MAX) return Error{EINVAL};
            segment_ = static_cast<uint16_t>(value);
            return true;
        }
        if (level == IPPROTO_UDP && name == UDP_GRO) {
            joined_ = value != 0;
            return true;
        }
        return DatagramSocket::set_number(level, name, value);
    }
    // A socket of IPv6 also takes addresses of IPv4 to send to.
    [[nodiscard]] Result<net::Endpoint> parse_destination(std::span<const uint8_t> address) const;
    [[nodiscard]] Result<void> join(const net::IpAddress& group, net::Interface& interface) override { return socket_.join(group, interface); }
    [[nodiscard]] Result<void> leave(const net::IpAddress& group, net::Interface& interface) override { return socket_.leave(group, interface); }
    [[nodiscard]] bool readable() const { return peeked_ || socket_.readable(); }
    void options_changed() override { configure(stack()); }
    void moves_to(network::Shard& other) override {
        socket_.move_to(other.stack().udp());
        configure(other.stack());
    }
    void configure(const net::Stack& stack);
    void failed() override {
        error_ = socket_.take_error();
        if (socket_.remote().address.is_v4() ? errors_v4_ || errors_v6_ : errors_v6_) notes_.add_error(error_, socket_.remote());
    }
    [[nodiscard]] Result<void> bind_here_or_elsewhere(network::ShardGuard& guard, const net::Endpoint& local);
    [[nodiscard]] Result<void> bind_any(network::ShardGuard& guard);
    // How much is sent at once of what is cut into datagrams of `segment` bytes: one, or as many as the device cuts. EINVAL: they do not fit into
    // packets, or are too many.
    [[nodiscard]] Result<size_t> piece_of(size_t size, uint16_t segment, const net::Endpoint& to);

    net::UdpSocket socket_;
    uint16_t segment_ = 0;  // UDP_SEGMENT
    bool joined_ = false;   // UDP_GRO: the program would take datagrams that the device joined
    // One that was looked at and is still to be received.
    net::Packet peeked_{};
    net::Datagram peeked_arrival_{};
    bool read_shut_ = false, write_shut_ = false;
    int error_ = 0;
};

void UdpSocket::configure(const net::Stack& stack) {
    net::UdpOptions& options = socket_.options;
    options.reuse = reuse_address_ || reuse_port_;
    options.v6_only = v6_only_;
    options.broadcast = broadcast_;
    options.interface = stack.interface(device_);
    options.multicast_interface = stack.interface(multicast_interface_);
    options.multicast_ttl = multicast_ttl_;
    options.multicast_loop = multicast_loop_;
    options.joined = joined_;
    options.receive_limit = receive_buffer.load(std::memory_order_relaxed);
}

Result<void> UdpSocket::bind(std::span<const uint8_t> address) {
    const net::Endpoint local = TRY(parse(address));
    network::ShardGuard guard{shard_};
    if (domain() == AF_INET6 && v6_only_ && local.address.is_v4()) return Error{EINVAL};
    // Ports belong to shards; somebody else may be faster.
    while (!socket_.bound() && local.port != 0 && &shard() != &network().owner_of(local.port)) move_to(guard, network().owner_of(local.port));
    return bind_here_or_elsewhere(guard, local);
}

Result<net::Endpoint> UdpSocket::parse_destination(std::span<const uint8_t> address) const {
    sockaddr_in in;
    if (domain() != AF_INET6 || address.size() < sizeof in) return parse(address);
    std::memcpy(&in, address.data(), sizeof in);
    if (in.sin_family != AF_INET) return parse(address);
    return net::Endpoint{net::Ipv4Address{__builtin_bswap32(in.sin_addr.s_addr)}, __builtin_bswap16(in.sin_port)};
}

Result<void> UdpSocket::bind_here_or_elsewhere(network::ShardGuard& guard, const net::Endpoint& local) {
    const auto bind_here = [&] { return socket_.bind(local); };
    return local.port == 0 ? wherever_possible(guard, EADDRINUSE, bind_here) : bind_here();
}

Result<void> UdpSocket::bind_any(network::ShardGuard& guard) {
    if (socket_.bound()) return {};
    const net::IpAddress& address = socket_.local().address;
    return bind_here_or_elsewhere(guard, {address.is_unspecified() ? any_address() : address, 0});
}

Result<void> UdpSocket::connect(std::span<const uint8_t> address) {
    if (is_unspecified(address)) {
        const network::ShardGuard guard{shard_};
        socket_.disconnect();
        return {};
    }
    net::Endpoint remote = TRY(parse_destination(address));
    network::ShardGuard guard{shard_};
    if (!may_reach(remote)) return Error{ENETUNREACH};
    remote.address = reachable(remote.address);
    if (!socket_.bound()) move_to(guard, network().here());
    TRY(bind_any(guard));
    return socket_.connect(remote);
}

Result<size_t> UdpSocket::piece_of(size_t size, uint16_t segment, const net::Endpoint& to) {
    constexpr size_t most_pieces = 128, udp_header = 8;
    const size_t headers = (to.address.is_v4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header)) + udp_header;
    const net::Path path = TRY(socket_.path_to(to));
    const size_t piece = std::min<size_t>(size, segment);
    if (headers + piece > path.mtu || size > segment * most_pieces) return Error{EINVAL};
    const size_t at_once = path.interface->capabilities().udp_segmentation / segment;
    return at_once < 2 ? piece : std::min(size, segment * at_once);
}

Result<size_t> UdpSocket::send(Message& message) {
    if ((message.flags & MSG_OOB) != 0 && domain() == AF_INET) return Error{EOPNOTSUPP};
    const size_t size = message.data.remaining();
    if (size > 65535) return Error{EMSGSIZE};
    std::optional<net::Endpoint> to;
    if (!message.to.empty() && !is_unspecified(message.to)) to = TRY(parse_destination(message.to));
    const Instant end = deadline(send_timeout);
    network::ShardGuard guard{shard_};
    if (to && !may_reach(*to)) return Error{ENETUNREACH};
    if (to && to->port == 0) return Error{EINVAL};
    if (to) to->address = reachable(to->address);
    if (const int error = std::exchange(error_, 0)) return Error{error};
    if (!to && !socket_.connected()) return Error{EDESTADDRREQ};
    // One socket for both families is bound in both.
    TRY(bind_any(guard));
    const net::IpAddress& address = to ? to->address : socket_.remote().address;
    const Sending how = TRY(sending(message, address));
    if (write_shut_) {
        if ((message.flags & MSG_NOSIGNAL) == 0) signal::raise_in_thread(SIGPIPE);
        return Error{EPIPE};
    }
    net::UdpOptions& options = socket_.options;
    const uint8_t discover = address.is_v4() ? discover_v4_ : discover_v6_;
    options.dont_fragment = discover == IP_PMTUDISC_DO || discover == IP_PMTUDISC_PROBE;
    options.ttl = options.multicast_ttl = how.ttl;
    options.traffic_class = how.traffic_class;
    const uint16_t segment = how.segment.value_or(segment_);
    // What is of this message alone; while it waits, others may send.
    const auto apply = [&] {
        options.source = how.source;
        options.interface = how.interface;
        options.segment = segment;
    };
    const auto restore = [&] {
        options.source = {};
        options.interface = device();
        options.segment = 0;
    };
    size_t piece = size;
    if (segment != 0) {
        apply();
        auto found = piece_of(size, segment, to ? *to : socket_.remote());
        restore();
        piece = TRY(std::move(found));
    }
    size_t done = 0;
    for (bool first = true; first || done < size;) {
        Source source{message.data};
        const size_t next = std::min(piece, size - done);
        apply();
        const auto sent = socket_.send(source, next, to ? &*to : nullptr);
        restore();
        if (sent.ok()) {
            done += next;
            first = false;
            continue;
        }
        const auto waited = sent.code() == EAGAIN ? wait(guard, waits(message), end) : sent;
        if (waited.ok()) continue;
        if (first) return waited.error();
        break;
    }
    note_sent(message);
    return done;
}

Result<size_t> UdpSocket::receive(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    const Instant end = deadline(receive_timeout);
    // For what is here already the time does not matter.
    network::ShardGuard guard{shard_, network::ShardGuard::quickly};
    if ((message.flags & MSG_ERRQUEUE) != 0) return receive_note(message);
    while (!readable()) {
        if (const int error = std::exchange(error_, 0)) return Error{error};
        if (read_shut_) return size_t{0};
        guard.begin();
        TRY(wait(guard, waits(message), end));
    }
    if (!peeked_) peeked_ = socket_.receive(peeked_arrival_);
    auto given = hand_over(peeked_, peeked_arrival_, message);
    if ((message.flags & MSG_PEEK) == 0) peeked_.reset();
    return given;
}

Result<void> UdpSocket::shutdown(int how) {
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Error{EINVAL};
    const network::ShardGuard guard{shard_};
    // As Linux: what is said to a socket without a peer counts, though it is refused.
    if (how != SHUT_WR) read_shut_ = true;
    if (how != SHUT_RD) write_shut_ = true;
    InetSocket::notify(net::event::readable);
    return socket_.connected() ? Result<void>{} : Result<void>{Error{ENOTCONN}};
}

Result<size_t> UdpSocket::queued(bool outgoing) {
    if (outgoing) return size_t{0};
    const network::ShardGuard guard{shard_};
    if (peeked_) return size_t{peeked_arrival_.length};
    net::Datagram next;
    return socket_.peek(next) ? size_t{next.length} : size_t{0};
}

uint32_t UdpSocket::events() {
    constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM | POLLWRBAND;
    return can_write | (readable() || read_shut_ ? can_read : 0) | (read_shut_ ? POLLRDHUP : 0) | (read_shut_ && write_shut_ ? POLLHUP : 0) |
           (error_ != 0 || has_notes() ? POLLERR : 0);
}

Result<net::Endpoint> UdpSocket::endpoint(bool of_peer) {
    if (!of_peer) return socket_.local().address.is_unspecified() ? net::Endpoint{any_address(), socket_.local().port} : socket_.local();
    if (!socket_.connected()) return Error{ENOTCONN};
    return socket_.remote();
}

}  // namespace

Result<Ref<Socket>> create_udp_socket(network::Network& network, int domain, uint32_t flags) {
    return Ref<Socket>{TRY(make_ref<UdpSocket>(network.here(), domain, flags))};
}

}  // namespace eremite::socket
