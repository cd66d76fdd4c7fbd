#pragma once
// IPv4 and IPv6 above the interfaces: which packets are ours, reassembly, fragmentation, routes, path MTU and ICMP.
#include "netstack/iface/path_mtu.hpp"
#include "netstack/iface/reassembly.hpp"
#include "netstack/iface/route.hpp"
#include "netstack/wire/icmp.hpp"
#include "netstack/wire/ipv4.hpp"
#include "netstack/wire/ipv6.hpp"

namespace eremite::net {

class Interface;
class Stack;

// What transports need to know of the header of a packet, which stands in front of `payload_offset`.
struct IpReceived {
    Interface& interface;
    IpAddress source{};
    IpAddress destination{};
    size_t payload_offset = 0;
    uint8_t protocol = 0;
    uint8_t ttl = 0;
    uint8_t traffic_class = 0;
    bool to_group = false;  // broadcast or multicast, of link or IP
};

// How a destination is reached. Valid while `generation` is IpLayer::generation().
struct Path {
    Interface* interface = nullptr;
    IpAddress next_hop{};
    IpAddress source{};
    uint16_t mtu = 0;
    uint32_t generation = 0;
};

struct IpSend {
    IpAddress source{};
    IpAddress destination{};
    Protocol protocol = Protocol::NoNext;
    uint8_t ttl = 64;
    uint8_t traffic_class = 0;
    bool dont_fragment = false;
    uint32_t flow_label = 0;
};

// Sees packets of a protocol before the stack does: raw sockets.
class RawReceiver : public ListNode<RawReceiver> {
public:
    // The packet begins with its IP header.
    virtual void receive(const IpReceived& ip, const Packet& packet) = 0;

protected:
    ~RawReceiver() = default;
};

class IpLayer {
public:
    explicit IpLayer(Stack& stack) : stack_{stack}, reassembly_{stack} {}

    void receive_v4(Interface& interface, Packet&& packet);
    void receive_v6(Interface& interface, Packet&& packet);

    // `source` unspecified: the best one is chosen. ENETUNREACH: no route; EADDRNOTAVAIL: no source.
    [[nodiscard]] Result<Path> find_path(const IpAddress& destination, const IpAddress& source = {}, Interface* only = nullptr) const;
    // Routes or addresses changed.
    void changed();
    [[nodiscard]] uint32_t generation() const { return generation_; }
    // Puts the header in front and sends. EMSGSIZE: it does not fit and must not be fragmented.
    Result<void> send(const Path& path, Packet&& packet, const IpSend& header);
    // The same for a packet of IPv4 that has its header, in which length and checksum are filled in, and source and identification where
    // they are 0 (raw(7)). EINVAL: that is no header; EMSGSIZE.
    Result<void> send_with_header(const Path& path, Packet&& packet);

    // ICMP errors about a received packet, which begins with its IP header. Rate-limited.
    void send_error_v4(Interface& interface, const Packet& packet, uint8_t type, uint8_t code, uint32_t rest = 0);
    void send_error_v6(Interface& interface, const Packet& packet, uint8_t type, uint8_t code, uint32_t rest = 0);
    void report_port_unreachable(const IpReceived& ip, const Packet& packet);
    // A packet of our own could not be delivered on the link.
    void report_unreachable(Interface& interface, Packet&& packet);
    Result<void> send_icmp(const Path& path, const IpAddress& source, const IpAddress& destination, Packet&& message, uint8_t ttl = 64);

    [[nodiscard]] RouteTable& routes() { return routes_; }
    [[nodiscard]] const RouteTable& routes() const { return routes_; }
    [[nodiscard]] PathMtuCache& path_mtus() { return path_mtus_; }
    void add_raw(RawReceiver& receiver) { raw_.push_back(receiver); }

private:
    friend class Reassembly;
    void deliver(const IpReceived& ip, Packet&& packet);
    // True: it is another shard's alone.
    [[nodiscard]] bool belongs_elsewhere(const IpReceived& ip, Packet& packet);
    void receive_fragment_v4(Interface& interface, Packet&& packet, const Ipv4View& view);
    void receive_fragment_v6(Interface& interface, Packet&& packet, const Ipv6View& view);
    void receive_icmp_v4(const IpReceived& ip, Packet&& packet);
    void receive_icmp_v6(const IpReceived& ip, Packet&& packet);
    void receive_error_v4(const IpReceived& ip, Packet&& packet);
    void receive_error_v6(const IpReceived& ip, Packet&& packet);
    void receive_igmp(const IpReceived& ip, Packet&& packet);
    void reply_to_echo(const IpReceived& ip, Packet&& packet, uint8_t reply_type);
    // An error that a router or host reports about a packet that we sent, of this transport header.
    void transport_error(const IpAddress& local, const IpAddress& remote, uint8_t protocol, std::span<const uint8_t> transport, int error,
                         uint16_t mtu);
    Result<void> send_fragments(const Path& path, Packet&& payload, const IpSend& header);
    [[nodiscard]] bool may_send_error();

    Stack& stack_;
    RouteTable routes_{};
    PathMtuCache path_mtus_{};
    Reassembly reassembly_;
    List<RawReceiver, RawReceiver> raw_{};
    uint32_t generation_ = 1;
    uint32_t next_identification_ = 0;
    // Tokens for ICMP errors (RFC 4443 section 2.4 (f)).
    static constexpr int64_t most_error_tokens = 50, error_tokens_a_second = 1000;
    int64_t error_tokens_ = most_error_tokens;
    Instant error_tokens_at_{};
};

}  // namespace eremite::net
