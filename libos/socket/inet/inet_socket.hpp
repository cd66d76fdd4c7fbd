#pragma once
// What sockets of the Internet have in common (ip(7), ipv6(7)): addresses as programs write them, and waiting for the stack.
#include <netinet/in.h>

#include <optional>

#include "libos/network/network.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/socket/inet_sockets.hpp"

namespace eremite::socket {

class InetSocket : public Socket, protected net::Observer {
public:
    [[nodiscard]] int protocol() const final { return type() == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP; }
    [[nodiscard]] uint32_t readiness() final;
    [[nodiscard]] fs::ReadinessSource* readiness_source() final { return &source_; }
    [[nodiscard]] Result<fs::Attributes> attributes() final;
    size_t describe(char* path, size_t size) final;
    [[nodiscard]] Result<size_t> address(bool of_peer, std::span<uint8_t> buffer) final;
    [[nodiscard]] Result<size_t> option(int level, int name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_option(int level, int name, std::span<const uint8_t> value) override;

protected:
    InetSocket(network::Network& network, int domain, int type, uint32_t flags);

    // An address as a program wrote it. EINVAL: too short; EAFNOSUPPORT.
    [[nodiscard]] Result<net::Endpoint> parse(std::span<const uint8_t> address) const;
    // As the program will see it; as much as fits. Returns its size.
    [[nodiscard]] size_t write(const net::Endpoint& endpoint, std::span<uint8_t> buffer) const;
    // The address that stands for all of this socket's family.
    [[nodiscard]] net::IpAddress any_address() const;

    // These are called with the network's lock.
    void notify(uint32_t events) final;
    [[nodiscard]] virtual uint32_t events() = 0;  // POLL*
    [[nodiscard]] virtual Result<net::Endpoint> endpoint(bool of_peer) = 0;
    // Until something happens. EAGAIN: the time is up, or the caller does not wait; EINTR and its like.
    [[nodiscard]] Result<void> wait(network::NetworkGuard& guard, bool waits, Instant deadline);
    // Integers, which most options are. Nothing: this layer does not know it.
    [[nodiscard]] virtual std::optional<int> number(int level, int name);
    [[nodiscard]] virtual Result<bool> set_number(int level, int name, int value);

    network::Network& network_;
    bool v6_only_ = false;
    bool reuse_address_ = false, reuse_port_ = false, keep_alive_ = false, broadcast_ = false;
    uint8_t ttl_ = 64, traffic_class_ = 0;

private:
    const uint64_t number_;
    sched::WaitQueue waiting_;
    uint32_t notifications_ = 0;
    fs::ReadinessSource source_;
};

// Bytes of the program, which the stack asks for and gives.
class Source final : public net::ByteSource {
public:
    explicit Source(fs::IoBuffer& buffer) : buffer_{buffer} {}
    [[nodiscard]] Result<void> read(std::span<uint8_t> to) override {
        return buffer_.take(to.data(), to.size()) == to.size() ? Result<void>{} : Result<void>{Error{EFAULT}};
    }

private:
    fs::IoBuffer& buffer_;
};
class Sink final : public net::ByteSink {
public:
    explicit Sink(fs::IoBuffer& buffer) : buffer_{buffer} {}
    [[nodiscard]] Result<void> write(std::span<const uint8_t> from) override {
        return buffer_.put(from.data(), from.size()) == from.size() ? Result<void>{} : Result<void>{Error{EFAULT}};
    }

private:
    fs::IoBuffer& buffer_;
};

[[nodiscard]] Result<Ref<Socket>> create_tcp_socket(network::Network& network, int domain, uint32_t flags);
[[nodiscard]] Result<Ref<Socket>> create_udp_socket(network::Network& network, int domain, uint32_t flags);

}  // namespace eremite::socket
