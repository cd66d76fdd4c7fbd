#pragma once
// tcp(7): tcp_socket.cpp has how connections begin and end, tcp_transfer.cpp the data, tcp_options.cpp the options.
#include "libos/socket/inet/tcp_listeners.hpp"

namespace eremite::socket {

class TcpSocket final : public InetSocket {
public:
    TcpSocket(network::Shard& shard, int domain, uint32_t flags)
        : InetSocket{shard, domain, SOCK_STREAM, IPPROTO_TCP, flags}, local_{any_address(), 0} {}
    // One that a listener has accepted in this shard. Requires its lock.
    TcpSocket(network::Shard& shard, const TcpSocket& listener, net::tcp::Connection& connection, uint32_t flags)
        : InetSocket{shard, listener.domain(), SOCK_STREAM, IPPROTO_TCP, flags},
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
        const network::ShardGuard guard{shard_};
        return take_error_locked();
    }
    [[nodiscard]] Result<size_t> queued(bool outgoing) override;
    [[nodiscard]] Result<bool> at_mark() override {
        const network::ShardGuard guard{shard_};
        return connection_ && connection_->at_mark();
    }
    [[nodiscard]] Result<size_t> option(int level, int name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_option(int level, int name, std::span<const uint8_t> value) override;
    [[nodiscard]] bool listening() const override {
        const TcpListeners* const listeners = listeners_.load(std::memory_order_acquire);
        return listeners && listeners->active();
    }

private:
    // The rest requires the shard's lock.
    [[nodiscard]] uint32_t events() override;
    [[nodiscard]] Result<net::Endpoint> endpoint(bool of_peer) override;
    [[nodiscard]] std::optional<int> number(int level, int name) override;
    [[nodiscard]] Result<bool> set_number(int level, int name, int value) override;
    [[nodiscard]] int take_error_locked() { return connection_ ? connection_->take_error() : std::exchange(error_, 0); }
    void configure();
    void options_changed() override { configure(); }
    [[nodiscard]] net::tcp::Sharing sharing() const { return {.reuse_address = reuse_address_, .reuse_port = reuse_port_, .v6_only = v6_only_}; }
    [[nodiscard]] Result<void> bind_to(network::ShardGuard& guard, const net::Endpoint& wanted);
    // Goes to the shard of its port. EADDRINUSE: what is left of connections keeps the port, wherever they were.
    [[nodiscard]] Result<void> go_to_port(network::ShardGuard& guard, const net::Endpoint& wanted);
    [[nodiscard]] Result<void> change_option(int level, int name, std::span<const uint8_t> value);
    // Lets go of the connection; `hard`: with a reset.
    void part(bool hard);
    void disconnect(network::ShardGuard& guard);
    void stop_listening(network::ShardGuard& guard);
    [[nodiscard]] Result<void> finish_connecting(network::ShardGuard& guard);
    [[nodiscard]] Result<size_t> send_stream(Message& message);
    [[nodiscard]] std::optional<size_t> receive_at_once(Message& message);
    [[nodiscard]] Result<size_t> receive_urgent(Message& message);

    net::tcp::Settings settings_{};
    net::Endpoint local_, remote_{};
    net::tcp::Binding binding_{};
    std::atomic<TcpListeners*> listeners_{nullptr};  // since it listened first
    bool begins_to_listen_ = false;
    net::tcp::Connection* connection_ = nullptr;
    bool connected_ = false;   // or was
    bool connecting_ = false;  // the program has not heard yet what became of it
    bool read_shut_ = false;
    int error_ = 0;
};

}  // namespace eremite::socket
