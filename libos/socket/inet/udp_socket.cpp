#include <poll.h>
#include <sys/ioctl.h>

#include <cstring>

#include "libos/mm/user_memory.hpp"
#include "libos/socket/inet/inet_socket.hpp"

namespace eremite::socket {

namespace {

// udp(7)
class UdpSocket final : public InetSocket {
public:
    UdpSocket(network::Network& network, int domain, uint32_t flags)
        : InetSocket{network, domain, SOCK_DGRAM, flags}, socket_{network.stack().udp(), *this} {}
    ~UdpSocket() override {
        const network::NetworkGuard guard{network_};
        socket_.close();
    }

    [[nodiscard]] Result<void> bind(std::span<const uint8_t> address) override {
        net::Endpoint local = TRY(parse(address));
        const network::NetworkGuard guard{network_};
        configure();
        return socket_.bind(local);
    }

    [[nodiscard]] Result<void> connect(std::span<const uint8_t> address) override {
        sa_family_t family = AF_UNSPEC;
        if (address.size() >= sizeof family) std::memcpy(&family, address.data(), sizeof family);
        if (family == AF_UNSPEC) {
            const network::NetworkGuard guard{network_};
            socket_.disconnect();
            return {};
        }
        const net::Endpoint remote = TRY(parse(address));
        const network::NetworkGuard guard{network_};
        configure();
        return socket_.connect(remote);
    }

    [[nodiscard]] Result<size_t> send(Message& message) override {
        if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
        std::optional<net::Endpoint> to;
        if (!message.to.empty()) to = TRY(parse(message.to));
        const size_t size = message.data.remaining();
        const Instant end = deadline(send_timeout);
        network::NetworkGuard guard{network_};
        if (const int error = socket_.take_error()) return Error{error};
        configure();
        for (;;) {
            Source source{message.data};
            const auto sent = socket_.send(source, size, to ? &*to : nullptr);
            if (sent.ok()) return size;
            if (sent.code() != EAGAIN) return sent.error();
            TRY(wait(guard, waits(message), end));
        }
    }

    [[nodiscard]] Result<size_t> receive(Message& message) override {
        if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
        const Instant end = deadline(receive_timeout);
        network::NetworkGuard guard{network_};
        while (!socket_.readable()) {
            if (const int error = socket_.take_error()) return Error{error};
            if (read_shut_) return size_t{0};
            TRY(wait(guard, waits(message), end));
        }
        net::Datagram datagram;
        net::Packet packet = socket_.receive(datagram);
        const size_t size = std::min<size_t>(datagram.length, message.data.remaining());
        for (net::Fragment* f = packet.head(); f && message.data.remaining() != 0 && !message.data.faulted(); f = f->next) {
            const size_t piece = std::min<size_t>(f->length, message.data.remaining());
            if (message.data.put(f->data, piece) != piece) return Error{EFAULT};
        }
        if (size < datagram.length) message.result_flags |= MSG_TRUNC;
        message.from_size = write(datagram.source, message.from);
        return (message.flags & MSG_TRUNC) != 0 ? datagram.length : size;
    }

    [[nodiscard]] Result<void> shutdown(int how) override {
        if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Error{EINVAL};
        const network::NetworkGuard guard{network_};
        if (!socket_.connected()) return Error{ENOTCONN};
        if (how != SHUT_WR) read_shut_ = true;
        InetSocket::notify(net::event::readable);
        return {};
    }

    [[nodiscard]] int take_error() override {
        const network::NetworkGuard guard{network_};
        return socket_.take_error();
    }

    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override {
        if (request != FIONREAD && request != TIOCOUTQ) return Error{ENOTTY};
        net::Datagram next{};
        {
            const network::NetworkGuard guard{network_};
            if (request == FIONREAD && !socket_.peek(next)) next.length = 0;
        }
        TRY(mm::UserPtr<int>{VirtualAddress{argument}}.store(static_cast<int>(next.length)));
        return 0L;
    }

private:
    void configure() {
        net::UdpOptions& options = socket_.options;
        options.reuse = reuse_address_ || reuse_port_;
        options.v6_only = v6_only_;
        options.broadcast = broadcast_;
        options.ttl = ttl_;
        options.traffic_class = traffic_class_;
        options.receive_limit = receive_buffer.load(std::memory_order_relaxed);
    }
    [[nodiscard]] uint32_t events() override {
        constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM | POLLWRBAND;
        return can_write | (socket_.readable() || read_shut_ ? can_read : 0) | (read_shut_ ? POLLRDHUP : 0);
    }
    [[nodiscard]] Result<net::Endpoint> endpoint(bool of_peer) override {
        if (!of_peer) return socket_.bound() ? socket_.local() : net::Endpoint{any_address(), 0};
        if (!socket_.connected()) return Error{ENOTCONN};
        return socket_.remote();
    }

    net::UdpSocket socket_;
    bool read_shut_ = false;
};

}  // namespace

Result<Ref<Socket>> create_udp_socket(network::Network& network, int domain, uint32_t flags) {
    return Ref<Socket>{TRY(make_ref<UdpSocket>(network, domain, flags))};
}

}  // namespace eremite::socket
