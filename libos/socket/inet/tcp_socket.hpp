#pragma once
// tcp(7): tcp_socket.cpp has how connections begin and end, tcp_transfer.cpp the data, tcp_options.cpp the options.
#include "libos/socket/inet/inet_socket.hpp"

namespace eremite::socket {

class TcpSocket final : public InetSocket {
public:
    TcpSocket(network::Network& network, int domain, uint32_t flags)
        : InetSocket{network, domain, SOCK_STREAM, IPPROTO_TCP, flags}, local_{any_address(), 0} {}
    // One that a listener has accepted. Requires the network's lock.
    TcpSocket(const TcpSocket& listener, net::tcp::Connection& connection, uint32_t flags)
        : InetSocket{listener.network_, listener.domain(), SOCK_STREAM, IPPROTO_TCP, flags},
          settings_{connection.settings}, connection_{&connection} {
        inherit(listener);
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
    [[nodiscard]] Result<size_t> queued(bool outgoing) override;
    [[nodiscard]] Result<bool> at_mark() override {
        const network::NetworkGuard guard{network_};
        return connection_ && connection_->at_mark();
    }
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
    [[nodiscard]] net::tcp::Sharing sharing() const { return {.reuse_address = reuse_address_, .reuse_port = reuse_port_, .v6_only = v6_only_}; }
    [[nodiscard]] Result<void> bind_to(const net::Endpoint& wanted);
    // Lets go of the connection; `hard`: with a reset.
    void part(bool hard);
    void disconnect();
    void stop_listening();
    [[nodiscard]] Result<void> finish_connecting(network::NetworkGuard& guard);
    [[nodiscard]] Result<size_t> send_stream(Message& message);
    [[nodiscard]] std::optional<size_t> receive_at_once(Message& message);
    [[nodiscard]] Result<size_t> receive_urgent(Message& message);

    net::tcp::Settings settings_{};
    net::Endpoint local_, remote_{};
    net::tcp::Binding binding_{};
    net::tcp::Listener* listener_ = nullptr;
    net::tcp::Connection* connection_ = nullptr;
    bool connected_ = false;   // or was
    bool connecting_ = false;  // the program has not heard yet what became of it
    bool read_shut_ = false;
    int error_ = 0;
};

}  // namespace eremite::socket
