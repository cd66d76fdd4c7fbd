#include "libos/socket/inet/tcp_socket.hpp"

#include <poll.h>

#include <cstring>

namespace eremite::socket {

namespace {
constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM | POLLWRBAND;
}

TcpSocket::~TcpSocket() {
    network::ShardGuard guard{shard_};
    if (connection_) connection_->close();
    binding_.release();
    if (TcpListeners* const listeners = listeners_.load()) {
        listeners->stop(guard);
        delete listeners;
    }
}

Result<void> TcpSocket::bind(std::span<const uint8_t> address) {
    const net::Endpoint wanted = TRY(parse(address));
    network::ShardGuard guard{shard_};
    if (connection_ || listening()) return Error{EINVAL};
    return bind_to(guard, wanted);
}

Result<void> TcpSocket::go_to_port(network::ShardGuard& guard, const net::Endpoint& wanted) {
    network::Network& all = network();
    if (wanted.port == 0 || all.count() == 1 || binding_.held()) return {};
    bool used = false;
    if (!reuse_address_ && !reuse_port_)
        all.for_each([&](network::Shard& shard) {
            guard.move_to(shard);
            used |= shard.stack().tcp().has_flows_at(wanted, v6_only_);
        });
    guard.follow(shard_);
    if (used) return Error{EADDRINUSE};
    network::Shard& owner = all.owner_of(wanted.port);
    while (&shard() != &owner) {
        // Somebody else was faster.
        if (connection_ || binding_.held()) return Error{EINVAL};
        move_to(guard, owner);
    }
    return {};
}

Result<void> TcpSocket::bind_to(network::ShardGuard& guard, const net::Endpoint& wanted) {
    if (domain() == AF_INET6 && v6_only_ && wanted.address.is_v4()) return Error{EINVAL};
    TRY(go_to_port(guard, wanted));
    const auto bind_here = [&] { return stack().tcp().bind(binding_, wanted, sharing()); };
    TRY(wanted.port == 0 ? wherever_possible(guard, EADDRINUSE, bind_here) : bind_here());
    local_ = binding_.local();
    return {};
}

Result<void> TcpSocket::listen(int backlog) {
    network::ShardGuard guard{shard_};
    constexpr int most = 4096;  // net.core.somaxconn
    const auto bounded = static_cast<uint32_t>(backlog < 0 || backlog > most ? most : backlog);
    if (listening()) {
        listeners_.load()->set_backlog(guard, bounded);
        return {};
    }
    if (connection_ || begins_to_listen_) return Error{EINVAL};
    // The way leads through all shards, and others who have this socket see it meanwhile.
    begins_to_listen_ = true;
    const auto begun = begin_to_listen(guard, bounded);
    guard.follow(shard_);
    begins_to_listen_ = false;
    return begun;
}

Result<void> TcpSocket::begin_to_listen(network::ShardGuard& guard, uint32_t backlog) {
    if (!binding_.held()) TRY(bind_to(guard, local_));
    if (!listeners_.load()) {
        auto* const made = new (std::nothrow) TcpListeners{*this, network(), source()};
        if (!made) return Error{ENOBUFS};
        listeners_.store(made, std::memory_order_release);
    }
    configure();
    const net::tcp::Settings settings = settings_;
    return listeners_.load()->start(guard, local_, backlog, settings, device_);
}

void TcpSocket::part(bool hard) {
    if (hard) connection_->abort();
    else connection_->close();
    connection_ = nullptr;
    connecting_ = connected_ = false;
    local_ = binding_.held() ? binding_.local() : net::Endpoint{any_address(), 0};
}

// connect(2) with AF_UNSPEC, as Linux has it: the peer is reset, and the socket may be used anew.
void TcpSocket::disconnect(network::ShardGuard& guard) {
    if (listening()) stop_listening(guard);
    if (!connection_) return;
    const bool open = connection_->state() >= net::tcp::State::Established;
    part(open);
    if (open) error_ = ECONNRESET;
    notify(net::event::hangup);
}

void TcpSocket::stop_listening(network::ShardGuard& guard) {
    listeners_.load()->stop(guard);
    guard.follow(shard_);
    notify(net::event::readable);
}

Result<void> TcpSocket::finish_connecting(network::ShardGuard& guard) {
    const Instant end = deadline(send_timeout);
    for (;;) {
        const net::tcp::State state = connection_->state();
        if (state == net::tcp::State::Closed) {
            const int error = connection_->take_error();
            part(false);
            return Error{error != 0 ? error : ECONNABORTED};
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
    if (is_unspecified(address)) {
        network::ShardGuard guard{shard_};
        disconnect(guard);
        return {};
    }
    net::Endpoint to = TRY(parse(address));
    network::ShardGuard guard{shard_};
    if (listening() || begins_to_listen_) return Error{EISCONN};
    if (!connection_ && !binding_.held()) move_to(guard, network().here());
    if (connection_) {
        if (!connecting_) return Error{EISCONN};
        if (nonblocking() && connection_->state() == net::tcp::State::SynSent) return Error{EALREADY};
        return finish_connecting(guard);
    }
    if (connected_) return Error{EISCONN};
    to.address = reachable(to.address);
    if (to.address.is_multicast() || !may_reach(to)) return Error{ENETUNREACH};
    // Nobody can listen there.
    if (to.port == 0) return Error{ECONNREFUSED};
    remote_ = to;
    error_ = 0;
    const auto connect_here = [&]() -> Result<void> {
        if (connection_) return Error{EALREADY};
        configure();
        connection_ = TRY(stack().tcp().connect(local_, to, settings_, this));
        local_ = connection_->key.local;
        connecting_ = true;
        return {};
    };
    TRY(binding_.held() ? connect_here() : wherever_possible(guard, EADDRNOTAVAIL, connect_here));
    return finish_connecting(guard);
}

Result<Ref<Socket>> TcpSocket::accept(uint32_t flags, bool may_wait) {
    const Instant end = deadline(receive_timeout);
    TcpListeners* const listeners = listeners_.load(std::memory_order_acquire);
    for (;;) {
        if (!listening()) return Error{EINVAL};
        const uint32_t seen = listeners->notifications();
        if (listeners->readable()) {
            network::ShardGuard guard{shard_};
            if (net::tcp::Connection* const connection = listeners->accept(guard)) {
                auto accepted = make_ref<TcpSocket>(guard.shard(), *this, *connection, flags);
                if (!accepted.ok()) {
                    connection->abort();
                    return accepted.error();
                }
                return Ref<Socket>{std::move(accepted.value())};
            }
        }
        if (!may_wait || nonblocking()) return Error{EAGAIN};
        TRY(outcome(listeners->wait(seen, end), end));
    }
}

Result<void> TcpSocket::shutdown(int how) {
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Error{EINVAL};
    network::ShardGuard guard{shard_};
    if (listening()) {
        if (how != SHUT_WR) stop_listening(guard);
        return {};
    }
    if (!connection_) return Error{ENOTCONN};
    TRY(connection_->shutdown(how != SHUT_WR, how != SHUT_RD));
    if (how != SHUT_WR) read_shut_ = true;
    notify(net::event::readable | net::event::writable);
    return {};
}

uint32_t TcpSocket::events() {
    if (listening()) return listeners_.load()->readable() ? can_read : 0;
    // As Linux: a socket that was never connected is hung up and can be written to.
    if (!connection_) return POLLHUP | POLLOUT | POLLWRNORM | (error_ != 0 || has_notes() ? POLLERR : 0);
    uint32_t events = 0;
    if (connection_->readable()) events |= can_read;
    if (connection_->writable()) events |= can_write;
    if (connection_->urgent_here()) events |= POLLPRI;
    if (connection_->peer_finished() || read_shut_) events |= POLLRDHUP | can_read;
    const bool sent_all = connection_->state() >= net::tcp::State::FinWait1 && connection_->state() != net::tcp::State::CloseWait;
    if (connection_->peer_finished() && sent_all) events |= POLLHUP;
    if (connection_->state() == net::tcp::State::Closed) events |= POLLHUP | POLLRDHUP | can_read | can_write;
    if (connection_->failed() || has_notes()) events |= POLLERR;
    return events;
}

Result<net::Endpoint> TcpSocket::endpoint(bool of_peer) {
    if (!of_peer) return local_;
    if (!connection_ || connection_->state() == net::tcp::State::Closed || connection_->state() == net::tcp::State::SynSent) return Error{ENOTCONN};
    return remote_;
}

Result<Ref<Socket>> create_tcp_socket(network::Network& network, int domain, uint32_t flags) {
    return Ref<Socket>{TRY(make_ref<TcpSocket>(network.here(), domain, flags))};
}

}  // namespace eremite::socket
