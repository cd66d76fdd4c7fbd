#pragma once
// What sockets of the Internet have in common (ip(7), ipv6(7)): addresses as programs write them, and waiting for the stack.
#include <netinet/in.h>

#include <optional>

#include "libos/network/network.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/socket/inet/error_queue.hpp"
#include "libos/socket/inet_sockets.hpp"

namespace eremite::socket {

class InetSocket : public Socket, protected net::Observer {
public:
    [[nodiscard]] int protocol() const final { return protocol_; }
    [[nodiscard]] uint32_t readiness() final;
    [[nodiscard]] fs::ReadinessSource* readiness_source() final { return &source_; }
    [[nodiscard]] Result<size_t> address(bool of_peer, std::span<uint8_t> buffer) final;
    [[nodiscard]] Result<size_t> option(int level, int name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_option(int level, int name, std::span<const uint8_t> value) override;

    void buffers_changed() final {
        const network::ShardGuard guard{shard_};
        options_changed();
    }

    // The socket behind an end of a flow, if there is one still.
    [[nodiscard]] static const InetSocket* of(const net::Observer* user) { return static_cast<const InetSocket*>(user); }

protected:
    InetSocket(network::Shard& shard, int domain, int type, int protocol, uint32_t flags);

    // Where it is, which changes until it is bound or connected; these require the shard's lock.
    [[nodiscard]] network::Shard& shard() const { return *shard_.load(std::memory_order_relaxed); }
    [[nodiscard]] net::Stack& stack() const { return shard().stack(); }
    [[nodiscard]] network::Network& network() const { return shard().network(); }
    // Goes there with the guard. Others may do something with it before the guard has it again.
    void move_to(network::ShardGuard& guard, network::Shard& other);
    // It does. Called with the lock of the shard that it leaves.
    virtual void moves_to(network::Shard&) {}
    // Tries that here and then in the other shards, each of which has ports of its own, until it does not fail with `full`.
    template <typename Attempt>
    auto wherever_possible(network::ShardGuard& guard, int full, Attempt attempt) {
        auto result = attempt();
        const uint32_t count = network().count(), first = stack().shard().index;
        for (uint32_t i = 1; i < count && !result.ok() && result.code() == full; ++i) {
            move_to(guard, network().shard((first + i) % count));
            result = attempt();
        }
        return result;
    }
    // SO_BINDTODEVICE. Null: none.
    [[nodiscard]] net::Interface* device() const { return stack().interface(device_); }

    // An address as a program wrote it. EINVAL: too short; EAFNOSUPPORT.
    [[nodiscard]] Result<net::Endpoint> parse(std::span<const uint8_t> address) const;
    // As the program will see it; as much as fits. Returns its size.
    [[nodiscard]] size_t write(const net::Endpoint& endpoint, std::span<uint8_t> buffer) const;
    [[nodiscard]] static bool is_unspecified(std::span<const uint8_t> address);
    [[nodiscard]] fs::ReadinessSource& source() { return source_; }
    // The address that stands for all of this socket's family.
    [[nodiscard]] net::IpAddress any_address() const;
    // Linux takes the unspecified address for this host.
    [[nodiscard]] static net::IpAddress reachable(const net::IpAddress& to);
    // A socket for IPv6 only does not talk to mapped addresses.
    [[nodiscard]] bool may_reach(const net::Endpoint& to) const { return !(domain() == AF_INET6 && v6_only_ && to.address.is_v4()); }

    // An accepted socket has the options of the one that listened.
    void inherit(const InetSocket& from);

    // These are called with the network's lock.
    void notify(uint32_t events) final;
    [[nodiscard]] virtual uint32_t events() = 0;  // POLL*
    [[nodiscard]] virtual Result<net::Endpoint> endpoint(bool of_peer) = 0;
    // Until something happens. EAGAIN: the time is up, or the caller does not wait; EINTR and its like.
    [[nodiscard]] Result<void> wait(network::ShardGuard& guard, bool waits, Instant deadline);
    // After a change of any option: the stack is to know.
    virtual void options_changed() {}
    // Integers, which most options are. Nothing: this layer does not know it.
    using Socket::number;
    [[nodiscard]] virtual std::optional<int> number(int level, int name);
    [[nodiscard]] virtual Result<bool> set_number(int level, int name, int value);
    // What the error queue has next (MSG_ERRQUEUE). EAGAIN: nothing.
    [[nodiscard]] Result<size_t> receive_note(Message& message);
    [[nodiscard]] bool has_notes() const { return !notes_.empty(); }
    // A send is done, of data that the program lets the kernel keep (MSG_ZEROCOPY).
    void note_sent(const Message& message);
    // An error is there, of which programs may want to know more (IP_RECVERR). Called as notify() is.
    virtual void failed() {}

    std::atomic<network::Shard*> shard_;
    bool v6_only_ = false;
    bool reuse_address_ = false, reuse_port_ = false, keep_alive_ = false, broadcast_ = false, dont_route_ = false, urgent_inline_ = false;
    // Those of IPv4, and those of IPv6.
    uint8_t ttl_v4_ = 64, ttl_v6_ = 64, class_v4_ = 0, class_v6_ = 0;
    [[nodiscard]] uint8_t ttl_to(const net::IpAddress& to) const { return domain() == AF_INET6 && !to.is_v4() ? ttl_v6_ : ttl_v4_; }
    [[nodiscard]] uint8_t class_to(const net::IpAddress& to) const { return domain() == AF_INET6 && !to.is_v4() ? class_v6_ : class_v4_; }
    uint8_t discover_v4_ = IP_PMTUDISC_WANT, discover_v6_ = IPV6_PMTUDISC_WANT;
    // What is wanted along with datagrams.
    bool want_info_v4_ = false, want_info_v6_ = false, want_ttl_v4_ = false, want_ttl_v6_ = false, want_class_v4_ = false, want_class_v6_ = false;
    bool want_old_ttl_v6_ = false;  // as RFC 2292 had it
    uint8_t timestamp_ = 0;  // SO_TIMESTAMP, SO_TIMESTAMPNS, or nothing
    int timestamping_ = 0;   // SO_TIMESTAMPING: SOF_*
    bool errors_v4_ = false, errors_v6_ = false;  // IP_RECVERR
    bool zero_copy_ = false;                      // SO_ZEROCOPY
    ErrorQueue notes_;
    uint32_t device_ = 0;  // SO_BINDTODEVICE; 0: none

private:
    [[nodiscard]] bool* find_switch(int level, int name);
    [[nodiscard]] Result<void> bind_to_device(std::span<const uint8_t> name);

    const int protocol_;
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
// ICMP: SOCK_RAW, with IP headers as raw(7) says, or SOCK_DGRAM, whose messages are echo requests and replies (icmp(7)).
[[nodiscard]] Result<Ref<Socket>> create_icmp_socket(network::Network& network, int domain, int type, int protocol, uint32_t flags);
[[nodiscard]] Result<Ref<Socket>> create_route_socket(network::Network& network, int type, int protocol, uint32_t flags);

}  // namespace eremite::socket
