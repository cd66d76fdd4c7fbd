#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "libos/mm/user_memory.hpp"
#include "libos/signal/signals.hpp"
#include "libos/socket/inet/inet_socket.hpp"
#include "libos/socket/inet/tcp_info.hpp"

namespace eremite::socket {

namespace {

constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM | POLLWRBAND;

// tcp(7)
class TcpSocket final : public InetSocket {
public:
    TcpSocket(network::Network& network, int domain, uint32_t flags) : InetSocket{network, domain, SOCK_STREAM, flags}, local_{any_address(), 0} {}
    // One that a listener has accepted. Requires the network's lock.
    TcpSocket(const TcpSocket& listener, net::tcp::Connection& connection, uint32_t flags)
        : InetSocket{listener.network_, listener.domain(), SOCK_STREAM, flags}, settings_{connection.settings}, connection_{&connection} {
        local_ = connection.key.local;
        remote_ = connection.key.remote;
        connected_ = true;
        connection.set_observer(this);
    }
    ~TcpSocket() override;

    [[nodiscard]] Result<void> bind(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> connect(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> listen(int backlog) override;
    [[nodiscard]] Result<Ref<Socket>> accept(uint32_t flags, bool may_wait) override;
    [[nodiscard]] Result<size_t> send(Message& message) override;
    [[nodiscard]] Result<size_t> receive(Message& message) override;
    [[nodiscard]] Result<void> shutdown(int how) override;
    [[nodiscard]] int take_error() override {
        const network::NetworkGuard guard{network_};
        return take_error_locked();
    }
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override;
    [[nodiscard]] Result<size_t> option(int level, int name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_option(int level, int name, std::span<const uint8_t> value) override;
    [[nodiscard]] bool listening() const override { return listener_ != nullptr; }

private:
    // The rest requires the network's lock.
    [[nodiscard]] uint32_t events() override;
    [[nodiscard]] Result<net::Endpoint> endpoint(bool of_peer) override;
    [[nodiscard]] std::optional<int> number(int level, int name) override;
    [[nodiscard]] Result<bool> set_number(int level, int name, int value) override;
    [[nodiscard]] int take_error_locked() { return connection_ ? connection_->take_error() : std::exchange(error_, 0); }
    void configure();
    [[nodiscard]] Result<void> bind_to(const net::Endpoint& wanted);
    [[nodiscard]] Result<void> finish_connecting(network::NetworkGuard& guard);
    [[nodiscard]] Result<size_t> send_stream(Message& message);

    net::tcp::Settings settings_{};
    net::Endpoint local_, remote_{};
    net::tcp::Binding binding_{};
    net::tcp::Listener* listener_ = nullptr;
    net::tcp::Connection* connection_ = nullptr;
    bool connected_ = false;   // or was
    bool connecting_ = false;  // the program has not heard yet what became of it
    int error_ = 0;
};

TcpSocket::~TcpSocket() {
    const network::NetworkGuard guard{network_};
    if (listener_) network_.stack().tcp().close(*listener_);
    if (connection_) connection_->close();
    binding_.release();
}

void TcpSocket::configure() {
    settings_.reuse_port = reuse_port_;
    settings_.v6_only = v6_only_;
    settings_.keep_alive = keep_alive_;
    settings_.ttl = ttl_;
    settings_.traffic_class = traffic_class_;
    // Those whom the program does not tell sizes grow by themselves.
    if (const uint32_t size = send_buffer.load(std::memory_order_relaxed); size != default_buffer) settings_.send_buffer = size, settings_.send_buffer_fixed = true;
    if (const uint32_t size = receive_buffer.load(std::memory_order_relaxed); size != default_buffer)
        settings_.receive_buffer = size, settings_.receive_buffer_fixed = true;
    if (connection_) {
        connection_->settings = settings_;
        connection_->settings_changed();
    }
    if (listener_) listener_->settings = settings_;
}

Result<void> TcpSocket::bind(std::span<const uint8_t> address) {
    const net::Endpoint wanted = TRY(parse(address));
    const network::NetworkGuard guard{network_};
    if (connection_ || listener_) return Error{EINVAL};
    return bind_to(wanted);
}

Result<void> TcpSocket::bind_to(const net::Endpoint& wanted) {
    TRY(network_.stack().tcp().bind(binding_, wanted, {.reuse_address = reuse_address_, .reuse_port = reuse_port_, .v6_only = v6_only_}));
    local_ = binding_.local();
    return {};
}

Result<void> TcpSocket::listen(int backlog) {
    const network::NetworkGuard guard{network_};
    constexpr int most = 4096;  // net.core.somaxconn
    const auto bounded = static_cast<uint32_t>(backlog < 0 || backlog > most ? most : backlog);
    if (listener_) {
        listener_->set_backlog(bounded);
        return {};
    }
    if (connection_) return Error{EINVAL};
    configure();
    if (!binding_.held()) TRY(bind_to(local_));
    listener_ = TRY(network_.stack().tcp().listen(local_, bounded, settings_, this));
    return {};
}

Result<void> TcpSocket::finish_connecting(network::NetworkGuard& guard) {
    const Instant end = deadline(send_timeout);
    for (;;) {
        const net::tcp::State state = connection_->state();
        if (state == net::tcp::State::Closed) {
            connecting_ = false;
            const int error = connection_->take_error();
            connection_->close();
            connection_ = nullptr;
            return Error{error != 0 ? error : ECONNREFUSED};
        }
        if (state != net::tcp::State::SynSent && state != net::tcp::State::SynReceived) {
            connecting_ = false;
            connected_ = true;
            return {};
        }
        if (nonblocking()) return Error{EINPROGRESS};
        const auto waited = wait(guard, true, end);
        if (!waited.ok()) return Error{waited.code() == EAGAIN ? EINPROGRESS : waited.code()};
    }
}

Result<void> TcpSocket::connect(std::span<const uint8_t> address) {
    net::Endpoint to = TRY(parse(address));
    network::NetworkGuard guard{network_};
    if (listener_) return Error{EISCONN};
    if (connection_) {
        if (!connecting_) return Error{EISCONN};
        if (nonblocking() && connection_->state() == net::tcp::State::SynSent) return Error{EALREADY};
        return finish_connecting(guard);
    }
    if (connected_) return Error{EISCONN};
    // Linux takes the unspecified address for this host.
    if (to.address.is_unspecified()) to.address = domain() == AF_INET ? net::IpAddress{net::Ipv4Address::of(127, 0, 0, 1)} : net::loopback_v6;
    if (to.address.is_multicast()) return Error{ENETUNREACH};
    configure();
    connection_ = TRY(network_.stack().tcp().connect(local_, to, settings_, this));
    local_ = connection_->key.local;
    remote_ = to;
    connecting_ = true;
    return finish_connecting(guard);
}

Result<Ref<Socket>> TcpSocket::accept(uint32_t flags, bool may_wait) {
    const Instant end = deadline(receive_timeout);
    network::NetworkGuard guard{network_};
    for (;;) {
        if (!listener_) return Error{EINVAL};
        if (net::tcp::Connection* const connection = listener_->accept()) {
            auto accepted = make_ref<TcpSocket>(*this, *connection, flags);
            if (!accepted.ok()) {
                connection->abort();
                return accepted.error();
            }
            return Ref<Socket>{std::move(accepted.value())};
        }
        TRY(wait(guard, may_wait && !nonblocking(), end));
    }
}

Result<size_t> TcpSocket::send_stream(Message& message) {
    const Instant end = deadline(send_timeout);
    network::NetworkGuard guard{network_};
    if (const int error = connection_ ? 0 : std::exchange(error_, 0)) return Error{error};
    if (!connection_) return Error{connected_ ? EPIPE : ENOTCONN};
    const bool more = (message.flags & MSG_MORE) != 0;
    size_t done = 0;
    for (;;) {
        Source source{message.data};
        const auto sent = connection_->send(source, message.data.remaining(), more);
        if (sent.ok()) done += sent.value();
        if (message.data.remaining() == 0 || message.data.faulted()) break;
        if (sent.ok()) continue;
        if (sent.code() != EAGAIN) return done != 0 ? Result<size_t>{done} : sent.error();
        const auto waited = wait(guard, waits(message), end);
        if (!waited.ok()) return done != 0 ? Result<size_t>{done} : waited.error();
    }
    if (done == 0 && message.data.faulted()) return Error{EFAULT};
    return done;
}

Result<size_t> TcpSocket::send(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    auto sent = send_stream(message);
    if (!sent.ok() && sent.code() == EPIPE && (message.flags & MSG_NOSIGNAL) == 0) signal::raise_in_thread(SIGPIPE);
    return sent;
}

Result<size_t> TcpSocket::receive(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EINVAL};
    const Instant end = deadline(receive_timeout);
    network::NetworkGuard guard{network_};
    if (const int error = connection_ ? 0 : std::exchange(error_, 0)) return Error{error};
    if (!connection_) return connected_ ? Result<size_t>{size_t{0}} : Error{ENOTCONN};
    const bool peek = (message.flags & MSG_PEEK) != 0;
    size_t done = 0;
    while (message.data.remaining() != 0) {
        Sink sink{message.data};
        const auto received = connection_->receive(sink, message.data.remaining(), peek);
        if (received.ok()) {
            done += received.value();
            if (received.value() == 0 || peek || (message.flags & MSG_WAITALL) == 0 || message.data.faulted()) break;
            continue;
        }
        if (message.data.faulted() && done == 0) return Error{EFAULT};
        if (received.code() != EAGAIN) return done != 0 ? Result<size_t>{done} : received.error();
        if (done != 0 && (message.flags & MSG_WAITALL) == 0) break;
        const auto waited = wait(guard, waits(message), end);
        if (!waited.ok()) return done != 0 ? Result<size_t>{done} : waited.error();
    }
    return done;
}

Result<void> TcpSocket::shutdown(int how) {
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Error{EINVAL};
    const network::NetworkGuard guard{network_};
    if (listener_ && how != SHUT_WR) {
        network_.stack().tcp().close(*listener_);
        listener_ = nullptr;
        notify(net::event::readable);
        return {};
    }
    if (!connection_) return Error{ENOTCONN};
    TRY(connection_->shutdown(how != SHUT_WR, how != SHUT_RD));
    notify(net::event::readable | net::event::writable);
    return {};
}

uint32_t TcpSocket::events() {
    if (listener_) return listener_->readable() ? can_read : 0;
    // As Linux: a socket that was never connected is hung up and can be written to.
    if (!connection_) return error_ != 0 ? POLLERR | POLLHUP | can_read | can_write : POLLHUP | POLLOUT | POLLWRNORM;
    uint32_t events = 0;
    if (connection_->readable()) events |= can_read;
    if (connection_->writable()) events |= can_write;
    if (connection_->peer_finished()) events |= POLLRDHUP | can_read;
    if (connection_->state() == net::tcp::State::Closed) events |= POLLHUP | POLLRDHUP | can_read | can_write;
    if (connection_->failed()) events |= POLLERR;
    return events;
}

Result<net::Endpoint> TcpSocket::endpoint(bool of_peer) {
    if (!of_peer) return local_;
    if (!connection_ || connecting_) return Error{ENOTCONN};
    return remote_;
}

Result<long> TcpSocket::ioctl(uint32_t request, uint64_t argument) {
    size_t bytes = 0;
    {
        const network::NetworkGuard guard{network_};
        if (request == FIONREAD) {
            if (listener_) return Error{EINVAL};
            bytes = connection_ ? connection_->readable_bytes() : 0;
        } else if (request == TIOCOUTQ) {
            bytes = connection_ ? connection_->unacknowledged_bytes() : 0;
        } else {
            return Error{ENOTTY};
        }
    }
    TRY(mm::UserPtr<int>{VirtualAddress{argument}}.store(static_cast<int>(bytes)));
    return 0L;
}

std::optional<int> TcpSocket::number(int level, int name) {
    if (level != IPPROTO_TCP) return InetSocket::number(level, name);
    switch (name) {
        case TCP_NODELAY: return settings_.no_delay;
        case TCP_CORK: return settings_.cork;
        case TCP_KEEPIDLE: return static_cast<int>(settings_.keep_alive_idle.ns / 1'000'000'000);
        case TCP_KEEPINTVL: return static_cast<int>(settings_.keep_alive_interval.ns / 1'000'000'000);
        case TCP_KEEPCNT: return settings_.keep_alive_probes;
        case TCP_USER_TIMEOUT: return static_cast<int>(settings_.user_timeout.ns / 1'000'000);
        case TCP_MAXSEG: return connection_ ? static_cast<int>(connection_->info().send_mss) : 536;
        case TCP_SYNCNT: return settings_.syn_retries != 0 ? settings_.syn_retries : 6;
        case TCP_QUICKACK: return 1;
        case TCP_DEFER_ACCEPT: return 0;
        case TCP_FASTOPEN: return 0;
        default: return std::nullopt;
    }
}

Result<bool> TcpSocket::set_number(int level, int name, int value) {
    if (level != IPPROTO_TCP) {
        const bool known = TRY(InetSocket::set_number(level, name, value));
        if (known) configure();
        return known;
    }
    const auto within = [value](int least, int most) { return value >= least && value <= most; };
    switch (name) {
        case TCP_NODELAY: settings_.no_delay = value != 0; break;
        case TCP_CORK: settings_.cork = value != 0; break;
        case TCP_KEEPIDLE:
            if (!within(1, 32767)) return Error{EINVAL};
            settings_.keep_alive_idle = Duration::seconds(value);
            break;
        case TCP_KEEPINTVL:
            if (!within(1, 32767)) return Error{EINVAL};
            settings_.keep_alive_interval = Duration::seconds(value);
            break;
        case TCP_KEEPCNT:
            if (!within(1, 127)) return Error{EINVAL};
            settings_.keep_alive_probes = static_cast<uint8_t>(value);
            break;
        case TCP_SYNCNT:
            if (!within(1, 127)) return Error{EINVAL};
            settings_.syn_retries = static_cast<uint8_t>(value);
            break;
        case TCP_USER_TIMEOUT:
            if (value < 0) return Error{EINVAL};
            settings_.user_timeout = Duration::milliseconds(value);
            break;
        case TCP_MAXSEG:
            if (value != 0 && !within(88, 32767)) return Error{EINVAL};
            settings_.most_segment = static_cast<uint16_t>(value);
            break;
        case TCP_QUICKACK:
            if (connection_ && value != 0) connection_->acknowledge_now();
            break;
        // Hints that may be left alone.
        case TCP_DEFER_ACCEPT:
        case TCP_WINDOW_CLAMP:
        case TCP_NOTSENT_LOWAT:
        case TCP_LINGER2: return true;
        default: return false;
    }
    configure();
    if (connection_ && (name == TCP_NODELAY || name == TCP_CORK)) connection_->push();
    return true;
}

Result<size_t> TcpSocket::option(int level, int name, std::span<uint8_t> value) {
    if (level == SOL_SOCKET && name == SO_LINGER) {
        const linger setting{settings_.linger, settings_.linger_seconds};
        std::memcpy(value.data(), &setting, std::min(value.size(), sizeof setting));
        return std::min(value.size(), sizeof setting);
    }
    if (level == IPPROTO_TCP && name == TCP_INFO) {
        const network::NetworkGuard guard{network_};
        return write_tcp_info(connection_, listener_ != nullptr, value);
    }
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
        constexpr std::string_view cubic{"cubic\0\0\0\0\0\0\0\0\0\0", 16};
        return cubic.copy(reinterpret_cast<char*>(value.data()), value.size());
    }
    return InetSocket::option(level, name, value);
}

Result<void> TcpSocket::set_option(int level, int name, std::span<const uint8_t> value) {
    if (level == SOL_SOCKET && name == SO_LINGER) {
        linger setting;
        if (value.size() < sizeof setting) return Error{EINVAL};
        std::memcpy(&setting, value.data(), sizeof setting);
        const network::NetworkGuard guard{network_};
        settings_.linger = setting.l_onoff != 0;
        settings_.linger_seconds = static_cast<uint16_t>(std::clamp(setting.l_linger, 0, 65535));
        configure();
        return {};
    }
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
        const std::string_view wanted{reinterpret_cast<const char*>(value.data()), value.size()};
        return wanted.starts_with("cubic") ? Result<void>{} : Result<void>{Error{ENOENT}};
    }
    return InetSocket::set_option(level, name, value);
}

}  // namespace

Result<Ref<Socket>> create_tcp_socket(network::Network& network, int domain, uint32_t flags) {
    return Ref<Socket>{TRY(make_ref<TcpSocket>(network, domain, flags))};
}

}  // namespace eremite::socket
