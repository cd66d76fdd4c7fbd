#pragma once
// UDP (RFC 768) for IPv4 and IPv6.
#include <array>

#include "base/list.hpp"
#include "netstack/iface/interface.hpp"
#include "netstack/iface/ip.hpp"
#include "netstack/observer.hpp"
#include "netstack/storage/byte_stream.hpp"

namespace eremite::net {

class UdpSocket;

// What is known of a received datagram beside its data.
struct Datagram {
    Endpoint source{};
    Endpoint destination{};
    uint16_t interface = 0;
    uint8_t ttl = 0;
    uint8_t traffic_class = 0;
    Instant arrived{};
    uint16_t segment = 0;  // not 0: several datagrams of so many bytes, of which the last may be shorter
    uint32_t length = 0;  // of the data; the only thing that is not stored with them
};

class UdpLayer {
public:
    explicit UdpLayer(Stack& stack) : stack_{stack} {}
    void receive(const IpReceived& ip, Packet&& packet);
    // Whether a socket can have sent this.
    [[nodiscard]] bool knows(const Endpoint& local, const Endpoint& remote) { return find(local, remote) != nullptr; }
    void receive_error(const Endpoint& local, const Endpoint& remote, int error);
    [[nodiscard]] Stack& stack() const { return stack_; }
    template <typename Function>
    void for_each(Function function) const;

private:
    friend class UdpSocket;
    static constexpr size_t buckets = 256;
    using Bucket = List<UdpSocket, UdpSocket>;
    [[nodiscard]] Bucket& bucket(uint16_t port) { return sockets_[port % buckets]; }
    // The one that fits best; among equals, which share the port, one by the flow.
    [[nodiscard]] UdpSocket* find(const Endpoint& local, const Endpoint& remote);
    [[nodiscard]] bool can_bind(const UdpSocket& socket, const Endpoint& local);
    [[nodiscard]] Result<uint16_t> ephemeral_port(const UdpSocket& socket, const IpAddress& address);
    // The data behind `headers`, in as many datagrams as they came.
    void deliver(UdpSocket& socket, const IpReceived& ip, const Endpoint& local, const Endpoint& remote, const Packet& packet, size_t headers);

    Stack& stack_;
    std::array<Bucket, buckets> sockets_{};
};

struct UdpOptions {
    bool reuse = false;      // SO_REUSEADDR or SO_REUSEPORT
    bool v6_only = false;
    bool broadcast = false;  // SO_BROADCAST
    bool dont_fragment = false;
    bool multicast_loop = true;
    bool joined = false;     // datagrams that the device joined are received like that (UDP_GRO)
    uint8_t ttl = 64;
    uint8_t multicast_ttl = 1;
    uint8_t traffic_class = 0;
    Interface* interface = nullptr;            // SO_BINDTODEVICE
    Interface* multicast_interface = nullptr;
    IpAddress source{};                        // of what is sent; unspecified: what the socket is bound to, or the best
    uint16_t segment = 0;                      // not 0: the device shall cut longer data into datagrams of so many bytes
    size_t receive_limit = 212'992;            // bytes that wait to be read
};

class UdpSocket : public ListNode<UdpSocket>, private BlockedSender {
public:
    UdpSocket(UdpLayer& layer, Observer& observer) : layer_{&layer}, observer_{observer} {}
    ~UdpSocket() { close(); }
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    // Becomes one of another shard's. Requires: it is not bound; interfaces that `options` has are that shard's.
    void move_to(UdpLayer& layer);
    // Port 0: any that is free. EADDRINUSE, EADDRNOTAVAIL, EINVAL: it is bound.
    [[nodiscard]] Result<void> bind(const Endpoint& local);
    [[nodiscard]] Result<void> connect(const Endpoint& remote);
    // A port that was not asked for is given back.
    void disconnect();
    void close();

    // How a datagram would go.
    [[nodiscard]] Result<Path> path_to(const Endpoint& to);
    // `to` null: the connected peer. EMSGSIZE: also more than the device can cut; EDESTADDRREQ, EACCES: a broadcast without the option, ENETUNREACH, EAGAIN: the device is
    // full, nothing was read from the source, and the observer is told when it is writable again.
    [[nodiscard]] Result<void> send(ByteSource& source, size_t size, const Endpoint* to);
    [[nodiscard]] Result<void> send(Packet&& data, const Endpoint* to);
    // The next datagram, whose data are the packet. Null: there is none.
    [[nodiscard]] Packet receive(Datagram& datagram);
    // The same but left in the queue.
    [[nodiscard]] bool peek(Datagram& datagram) const;
    [[nodiscard]] bool readable() const { return !queue_.empty(); }
    [[nodiscard]] size_t queued() const { return queue_.count(); }
    [[nodiscard]] size_t queued_bytes() const { return queue_.bytes(); }
    [[nodiscard]] const Observer* observer() const { return &observer_; }
    [[nodiscard]] bool failed() const { return error_ != 0; }
    [[nodiscard]] int take_error() { return std::exchange(error_, 0); }

    [[nodiscard]] Result<void> join(const IpAddress& group, Interface& interface);
    [[nodiscard]] Result<void> leave(const IpAddress& group, Interface& interface);

    [[nodiscard]] const Endpoint& local() const { return local_; }
    [[nodiscard]] const Endpoint& remote() const { return remote_; }
    [[nodiscard]] bool bound() const { return local_.port != 0; }
    [[nodiscard]] bool connected() const { return remote_.port != 0; }
    UdpOptions options{};

private:
    friend class UdpLayer;
    static constexpr size_t most_memberships = 16;
    struct Membership {
        IpAddress group{};
        Interface* interface = nullptr;
    };
    // The way of a datagram that can be sent now.
    [[nodiscard]] Result<Path> ready_path(const Endpoint* to);
    [[nodiscard]] Result<void> transmit(const Path& path, const Endpoint& destination, Packet&& data);
    void interface_ready() override;
    // -1: not for this socket; higher fits better.
    [[nodiscard]] int match(const Endpoint& local, const Endpoint& remote) const;
    // `segment`: see Datagram.
    void deliver(const IpReceived& ip, const Endpoint& local, const Endpoint& remote, uint16_t segment, Packet&& data);

    UdpLayer* layer_;
    Observer& observer_;
    Endpoint local_{};
    Endpoint remote_{};
    Path path_{};
    PacketQueue queue_{};
    std::array<Membership, most_memberships> memberships_{};
    bool any_port_ = false;     // the program did not ask for this one
    bool any_address_ = false;  // connect() chose the local address, in place of this one
    IpAddress bound_address_{};
    int error_ = 0;
};

template <typename Function>
void UdpLayer::for_each(Function function) const {
    for (const Bucket& bucket : sockets_)
        for (const UdpSocket& socket : bucket) function(socket);
}

}  // namespace eremite::net
