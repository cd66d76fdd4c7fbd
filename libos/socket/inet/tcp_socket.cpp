#include "libos/socket/inet/tcp_socket.hpp"

#include <poll.h>

#include <cstring>

namespace eremite::socket {

namespace {
constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM | POLLWRBAND;
}

TcpSocket::~TcpSocket() {
    const network::NetworkGuard guard{network_};
    if (listener_) network_.stack().tcp().close(*listener_);
    if (connection_) connection_->close();
    binding_.release();
}

Result<void> TcpSocket::bind(std::span<const uint8_t> address) {
    const net::Endpoint wanted = TRY(parse(address));
    const network::NetworkGuard guard{network_};
    if (connection_ || listener_) return Error{EINVAL};
    return bind_to(wanted);
}

Result<void> TcpSocket::bind_to(const net::Endpoint& wanted) {
    if (domain() == AF_INET6 && v6_only_ && wanted.address.is_v4()) return Error{EINVAL};
    TRY(network_.stack().tcp().bind(binding_, wanted, sharing()));
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

void TcpSocket::part(bool hard) {
    if (hard) connection_->abort();
    else connection_->close();
    connection_ = nullptr;
    connecting_ = connected_ = false;
    local_ = binding_.held() ? binding_.local() : net::Endpoint{any_address(), 0};
}

// connect(2) with AF_UNSPEC, as Linux has it: the peer is reset, and the socket may be used anew.
void TcpSocket::disconnect() {
    if (listener_) stop_listening();
    if (!connection_) return;
    const bool open = connection_->state() >= net::tcp::State::Established;
    part(open);
    if (open) error_ = ECONNRESET;
    notify(net::event::hangup);
}

void TcpSocket::stop_listening() {
    network_.stack().tcp().close(*std::exchange(listener_, nullptr));
    notify(net::event::readable);
}

Result<void> TcpSocket::finish_connecting(network::NetworkGuard& guard) {
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
        const network::NetworkGuard guard{network_};
        disconnect();
        return {};
    }
    net::Endpoint to = TRY(parse(address));
    network::NetworkGuard guard{network_};
    if (listener_) return Error{EISCONN};
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
    configure();
    error_ = 0;
    connection_ = TRY(network_.stack().tcp().connect(local_, to, settings_, this));
    local_ = connection_->key.local;
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

Result<void> TcpSocket::shutdown(int how) {
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Error{EINVAL};
    const network::NetworkGuard guard{network_};
    if (listener_) {
        if (how != SHUT_WR) stop_listening();
        return {};
    }
    if (!connection_) return Error{ENOTCONN};
    TRY(connection_->shutdown(how != SHUT_WR, how != SHUT_RD));
    if (how != SHUT_WR) read_shut_ = true;
    notify(net::event::readable | net::event::writable);
    return {};
}

uint32_t TcpSocket::events() {
    if (listener_) return listener_->readable() ? can_read : 0;
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
    return Ref<Socket>{TRY(make_ref<TcpSocket>(network, domain, flags))};
}

}  // namespace eremite::socket
