#pragma once
// What sockets of UDP and of ICMP have in common: what comes along with a datagram, and what may go along.
#include "libos/socket/inet/inet_socket.hpp"
#include "netstack/udp/udp.hpp"

namespace eremite::socket {

class DatagramSocket : public InetSocket {
public:
    using InetSocket::InetSocket;
    [[nodiscard]] Result<size_t> option(int level, int name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_option(int level, int name, std::span<const uint8_t> value) override;

protected:
    // How one datagram is sent, where that is not as all are.
    struct Sending {
        uint8_t ttl, traffic_class;
        net::Interface* interface;
        net::IpAddress source{};  // unspecified: the socket's
        std::optional<uint16_t> segment{};  // UDP_SEGMENT, where it is not the socket's
    };
    // By the options and what goes along. EINVAL, ENODEV. Requires the network's lock, as do all below.
    [[nodiscard]] Result<Sending> sending(const Message& message, const net::IpAddress& to) const;
    // Tells what the program wants to know about a datagram.
    void describe_arrival(const net::Datagram& arrival, Message& message) const;
    // Copies a datagram's data to the program and tells of it; returns what receive() shall.
    [[nodiscard]] Result<size_t> hand_over(net::Packet& packet, const net::Datagram& arrival, Message& message) const;
    [[nodiscard]] std::optional<int> number(int level, int name) override;
    [[nodiscard]] Result<bool> set_number(int level, int name, int value) override;
    [[nodiscard]] virtual Result<void> join(const net::IpAddress& group, net::Interface& interface) = 0;
    [[nodiscard]] virtual Result<void> leave(const net::IpAddress& group, net::Interface& interface) = 0;

    uint32_t multicast_interface_ = 0;  // 0: none
    uint8_t multicast_ttl_ = 1;
    bool multicast_loop_ = true;

private:
    // Of a group that is named together with an interface's index or an address of it.
    [[nodiscard]] Result<net::Interface*> interface_for(uint32_t index, const net::IpAddress& address) const;
    [[nodiscard]] Result<void> set_membership(int level, int name, std::span<const uint8_t> value);
    [[nodiscard]] Result<void> set_multicast_interface(int level, std::span<const uint8_t> value);
    net::IpAddress multicast_address_ = net::any_v4();  // by which the interface was named
};

}  // namespace eremite::socket
