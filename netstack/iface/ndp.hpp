#pragma once
// Neighbour discovery (RFC 4861), duplicate address detection and stateless address configuration (RFC 4862).
#include "netstack/iface/interface.hpp"
#include "netstack/iface/ip.hpp"

namespace eremite::net {

class NeighbourDiscovery {
public:
    explicit NeighbourDiscovery(Stack& stack) : stack_{stack} {}

    // Gives the interface a link-local address, and others as routers advertise prefixes.
    [[nodiscard]] Result<void> enable(Interface& interface);
    void link_up(Interface& interface);
    void start_detection(InterfaceAddress& address);
    // Asks who has `target`; by unicast where `known` is given.
    void solicit(Interface& interface, const IpAddress& target, const MacAddress* known, const IpAddress& source);
    // Says that `target` is ours, to who asked or to all nodes.
    void advertise(Interface& interface, const IpAddress& target, const IpAddress& to, bool solicited);

    // Messages begin at `ip.payload_offset`; their checksum holds.
    void receive_solicitation(const IpReceived& ip, Packet& packet);
    void receive_advertisement(const IpReceived& ip, Packet& packet);
    void receive_router_advertisement(const IpReceived& ip, Packet& packet);

    void address_timeout(InterfaceAddress& address);
    void discovery_timeout(RouterDiscovery& discovery);

    [[nodiscard]] static IpAddress solicited_node(const IpAddress& address);

private:
    // The whole message in one piece, if it is one that neighbours may send: from this link (RFC 4861 section 7.1).
    [[nodiscard]] bool whole_message(const IpReceived& ip, Packet& packet, size_t smallest, std::span<const uint8_t>& message);
    void send(Interface& interface, const IpAddress& source, const IpAddress& destination, Packet&& message);
    void solicit_routers(Interface& interface);
    void configure_prefix(Interface& interface, const PrefixOption& prefix);
    void set_default_router(Interface& interface, const IpAddress& router, uint16_t seconds);
    void schedule(InterfaceAddress& address);
    void conflict(InterfaceAddress& address);

    Stack& stack_;
};

}  // namespace eremite::net
