// The device on the user network, with our own network stack as the machine's and the host's sockets at the other end.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <ctime>

#include "netstack/dhcp/client.hpp"
#include "tests/unit/netstack/host.hpp"
#include "tests/unit/vmm_net/driver.hpp"
#include "vmm/error.hpp"
#include "vmm/net/user_network.hpp"

namespace eremite::test {
namespace {

using net::Ipv4Address;
using vmm::UniqueFd;
using vmm::net::PublishedPort;
using vmm::net::UserNetwork;

const Ipv4Address machine_address = Ipv4Address::of(10, 0, 2, 15), host_address = Ipv4Address::of(10, 0, 2, 2);

Instant now() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return {t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

sockaddr_in loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// A socket of the host that does not block, bound to a port of its own.
UniqueFd bound_socket(int type, uint16_t& port) {
    UniqueFd fd{::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw std::runtime_error{"no port"};
    port = ntohs(address.sin_port);
    return fd;
}

uint16_t free_port(int type) {
    uint16_t port = 0;
    (void)bound_socket(type, port);
    return port;
}

bool connect_to(const UniqueFd& fd, uint16_t port) {
    const sockaddr_in address = loopback(port);
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EINPROGRESS;
}

// A machine whose driver and stack turn with the test.
struct Guest {
    explicit Guest(const std::vector<PublishedPort>& published = {}, size_t mtu = 0, size_t most_sockets = 0) : host{9, options(mtu)} {
        machine.make_device(std::make_unique<UserNetwork>(published, mtu, most_sockets));
        host.device.sent = [this](const Bytes& bytes, const net::Offload&) { machine.add_frame(0, {{}, bytes}); };
        host.stack.advance(now());
    }
    static HostOptions options(size_t mtu) {
        HostOptions options;
        if (mtu != 0) options.capabilities.mtu = static_cast<uint16_t>(mtu);
        return options;
    }
    void start() {
        machine.start(bit(VIRTIO_NET_F_MRG_RXBUF) | bit(VIRTIO_NET_F_GUEST_CSUM));
        machine.give_buffers(0, 200, 2048);
    }
    void with_address(Ipv4Address address = machine_address) {
        start();
        ASSERT_TRUE(host.interface->add_address(address, 24).ok());
    }
    void turn() {
        host.stack.advance(now());
        host.stack.flush();
        BothSides& queue = machine.send_queue();
        machine.kick(queue);
        machine.settle();
        while (queue.driver->take()) {}
        const auto frames = machine.take_frames();
        machine.give_buffers(0, 200U - machine.receive_queue().driver->in_flight(), 2048);
        net::Offload checked;
        checked.checksum = net::ChecksumState::Verified;
        for (const Frame& frame : frames) {
            EXPECT_EQ(frame.header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
            host.receive(frame.bytes, checked);
        }
        host.device.full = !queue.driver->has_room(100);
        if (host.interface->congested() && !host.device.full) host.stack.device_ready(*host.interface);
        host.stack.flush();
    }
    // Until it is so; or the test's own limit ends it.
    void run(const std::function<bool()>& done) {
        while (!done()) turn();
    }

    Machine machine{{.queue_size = 1024}};
    Host host;
};

// What the host's end of a connection does: sends all, and reads what comes.
struct HostEnd {
    HostEnd(UniqueFd socket, Bytes data) : fd{std::move(socket)}, out{std::move(data)} {}
    void turn() {
        if (sent < out.size()) {
            const ssize_t n = ::send(fd.get(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n > 0) sent += static_cast<size_t>(n);
            if (sent == out.size()) ::shutdown(fd.get(), SHUT_WR);
        }
        uint8_t buffer[65536];
        const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (n > 0) in.insert(in.end(), buffer, buffer + n);
        ended |= n == 0;
    }
    UniqueFd fd;
    Bytes out, in;
    size_t sent = 0;
    bool ended = false;
};

// What the machine's end does: gives everything back, and ends when the other end does.
struct EchoEnd {
    void turn() {
        if (!connection) return;
        Sink sink;
        if (connection->receive(sink, SIZE_MAX).ok() && sink.bytes.empty()) peer_ended = true;
        waiting.insert(waiting.end(), sink.bytes.begin(), sink.bytes.end());
        while (!waiting.empty()) {
            Source source{waiting};
            const auto sent = connection->send(source, waiting.size());
            if (!sent.ok()) return;
            waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(sent.value()));
        }
        if (peer_ended && !std::exchange(ended, true)) (void)connection->shutdown(false, true);
    }
    net::tcp::Connection* connection = nullptr;
    Bytes waiting;
    bool peer_ended = false, ended = false;
};

TEST(UserNetworkTest, GivesTheMachineItsAddress) {
    Guest guest;
    guest.start();
    Events events;
    net::DhcpClient client{*guest.host.interface, &events};
    ASSERT_TRUE(client.start().ok());
    guest.run([&] { return client.bound(); });
    EXPECT_EQ(client.lease().address, machine_address);
    EXPECT_EQ(client.lease().prefix_length, 24);
    EXPECT_EQ(client.lease().router, host_address);
    ASSERT_EQ(client.lease().dns_count, 1);
    EXPECT_EQ(client.lease().dns[0], Ipv4Address::of(10, 0, 2, 3));
}

class Published : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Mtu, Published, testing::Values(0, 9000));

TEST_P(Published, APortConnectsWithTheMachine) {
    const uint16_t port = free_port(SOCK_STREAM);
    Guest guest{{{"127.0.0.1", port, 80}}, GetParam()};
    guest.with_address();
    Events events;
    net::tcp::Listener* const listener = guest.host.stack.tcp().listen({net::IpAddress{}, 80}, 8, {}, &events).value();
    HostEnd client{UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}, pattern(500'000)};
    ASSERT_TRUE(connect_to(client.fd, port));
    EchoEnd server;
    guest.run([&] {
        client.turn();
        if (!server.connection) {
            server.connection = listener->accept();
            if (server.connection) server.connection->set_observer(&events);
        }
        server.turn();
        return client.ended;
    });
    EXPECT_EQ(client.in, client.out);
    server.connection->close();
    guest.host.stack.tcp().close(*listener);
}

TEST(UserNetworkTest, TheMachineReachesTheHost) {
    uint16_t port = 0;
    const UniqueFd listener = bound_socket(SOCK_STREAM, port);
    ASSERT_EQ(::listen(listener.get(), 4), 0);
    Guest guest;
    guest.with_address();
    Events events;
    EchoEnd client;
    client.connection = guest.host.stack.tcp().connect({}, {host_address, port}, {}, &events).value();
    UniqueFd accepted;
    guest.run([&] {
        accepted = UniqueFd{::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK)};
        return static_cast<bool>(accepted);
    });
    HostEnd server{std::move(accepted), pattern(200'000, 3)};
    guest.run([&] {
        server.turn();
        client.turn();
        return server.ended;
    });
    EXPECT_EQ(server.in, server.out);
    client.connection->close();
}

// A question from the host to a port of the machine, and the answer.
void exchange_datagrams(Ipv4Address address, const std::string& told) {
    const uint16_t port = free_port(SOCK_DGRAM);
    Guest guest{{{"127.0.0.1", port, 53, true, told}}};
    guest.with_address(address);
    Events events;
    net::UdpSocket socket{guest.host.stack.udp(), events};
    ASSERT_TRUE(socket.bind({net::any_v4(), 53}).ok());
    uint16_t own = 0;
    const UniqueFd client = bound_socket(SOCK_DGRAM, own);
    ASSERT_TRUE(connect_to(client, port));
    const Bytes question = pattern(700);
    ASSERT_EQ(::send(client.get(), question.data(), question.size(), 0), 700);
    guest.run([&] { return socket.readable(); });
    net::Datagram from;
    const Bytes came = bytes_of(socket.receive(from));
    EXPECT_EQ(came, question);
    const Bytes answer = pattern(900, 5);
    Source source{answer};
    ASSERT_TRUE(socket.send(source, answer.size(), &from.source).ok());
    uint8_t buffer[2000];
    ssize_t size = -1;
    guest.run([&] { return (size = ::recv(client.get(), buffer, sizeof buffer, 0)) >= 0; });
    EXPECT_EQ(Bytes(buffer, buffer + size), answer);
}

TEST(UserNetworkTest, APublishedPortForDatagrams) { exchange_datagrams(machine_address, {}); }
TEST(UserNetworkTest, APublishedPortOfAMachineWithAnAddressOfItsOwn) { exchange_datagrams(Ipv4Address::of(10, 0, 2, 77), "10.0.2.77"); }

// Many connections, one after the other: descriptors of the host come and go, with the same numbers.
TEST(UserNetworkTest, ConnectionsComeAndGo) {
    const uint16_t port = free_port(SOCK_STREAM);
    Guest guest{{{"", port, 7}}};
    guest.with_address();
    Events events;
    net::tcp::Listener* const listener = guest.host.stack.tcp().listen({net::IpAddress{}, 7}, 8, {}, &events).value();
    for (uint8_t i = 0; i < 20; ++i) {
        HostEnd client{UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}, pattern(100, i)};
        ASSERT_TRUE(connect_to(client.fd, port));
        EchoEnd server;
        guest.run([&] {
            client.turn();
            if (!server.connection) server.connection = listener->accept();
            server.turn();
            return client.ended;
        });
        EXPECT_EQ(client.in, client.out);
        server.connection->close();
    }
    guest.host.stack.tcp().close(*listener);
}

TEST(UserNetworkTest, WhatFloodsAMachineThatDoesNotListenHasABound) {
    const uint16_t port = free_port(SOCK_DGRAM);
    Guest guest{{{"127.0.0.1", port, 53, true}}};
    guest.with_address();
    Events events;
    net::UdpSocket socket{guest.host.stack.udp(), events};
    ASSERT_TRUE(socket.bind({net::any_v4(), 53}).ok());
    uint16_t own = 0;
    const UniqueFd client = bound_socket(SOCK_DGRAM, own);
    ASSERT_TRUE(connect_to(client, port));
    // So that the machine's address is known.
    ASSERT_EQ(::send(client.get(), "1", 1, 0), 1);
    guest.run([&] { return socket.readable(); });
    for (int i = 0; i < 5000; ++i) {
        (void)::send(client.get(), "flood", 5, 0);
        guest.machine.settle(3);
    }
    // There was room for so many; more than a queue of frames were dropped by the host's kernel instead.
    const size_t taken = guest.machine.take_frames().size();
    EXPECT_LE(taken, 200U);
    EXPECT_GE(taken, 100U);
    // It goes on where it was.
    (void)::send(client.get(), "last", 4, 0);
    net::Datagram from;
    guest.run([&] {
        (void)::send(client.get(), "last", 4, 0);
        while (socket.readable())
            if (bytes_of(socket.receive(from)).size() == 4) return true;
        return false;
    });
}

TEST(UserNetworkTest, ConnectionsHaveABound) {
    constexpr size_t most = 8, tried = 30;
    uint16_t port = 0;
    const UniqueFd listener = bound_socket(SOCK_STREAM, port);
    ASSERT_EQ(::listen(listener.get(), 64), 0);
    Guest guest{{}, 0, most};
    guest.with_address();
    Events events;
    std::vector<UniqueFd> accepted;
    const auto accept = [&] {
        UniqueFd one{::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK)};
        if (one) accepted.push_back(std::move(one));
    };
    std::vector<net::tcp::Connection*> connections;
    for (size_t i = 0; i < tried; ++i) {
        connections.push_back(guest.host.stack.tcp().connect({}, {host_address, port}, {}, &events).value());
        for (int turns = 0; turns < 10; ++turns) {
            guest.turn();
            accept();
        }
    }
    guest.run([&] {
        accept();
        return accepted.size() >= most;
    });
    for (int turns = 0; turns < 100; ++turns) {
        guest.turn();
        accept();
    }
    EXPECT_EQ(accepted.size(), most);
    // Where some have gone there is room for others.
    for (net::tcp::Connection* const connection : connections) connection->abort();
    accepted.clear();
    guest.run([&] {
        net::tcp::Connection* const connection = guest.host.stack.tcp().connect({}, {host_address, port}, {}, &events).value();
        for (int turns = 0; turns < 10; ++turns) {
            guest.turn();
            accept();
        }
        connection->abort();
        return !accepted.empty();
    });
}

TEST(UserNetworkTest, AResetInTheMiddleLeavesAWorkingDevice) {
    const uint16_t port = free_port(SOCK_STREAM);
    Guest guest{{{"127.0.0.1", port, 80}}};
    guest.with_address();
    Events events;
    net::tcp::Listener* const listener = guest.host.stack.tcp().listen({net::IpAddress{}, 80}, 8, {}, &events).value();
    HostEnd first{UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}, pattern(5'000'000)};
    ASSERT_TRUE(connect_to(first.fd, port));
    net::tcp::Connection* connection = nullptr;
    guest.run([&] {
        first.turn();
        if (!connection) connection = listener->accept();
        return connection && connection->readable();
    });
    guest.machine.stop();
    for (int i = 0; i < 10; ++i) guest.machine.settle();
    guest.start();
    HostEnd second{UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}, pattern(1000)};
    ASSERT_TRUE(connect_to(second.fd, port));
    EchoEnd server;
    guest.run([&] {
        second.turn();
        if (!server.connection) server.connection = listener->accept();
        server.turn();
        return second.ended;
    });
    EXPECT_EQ(second.in, second.out);
    connection->abort();
    server.connection->close();
    guest.host.stack.tcp().close(*listener);
}

std::string error_of(const std::vector<PublishedPort>& published) {
    try {
        UserNetwork network{published};
    } catch (const vmm::Error& error) {
        return error.what();
    }
    return {};
}

TEST(UserNetworkTest, PortsThatCannotBeHad) {
    uint16_t port = 0;
    const UniqueFd other = bound_socket(SOCK_STREAM, port);
    ASSERT_EQ(::listen(other.get(), 1), 0);
    const std::string taken = error_of({{"127.0.0.1", port, 80}});
    EXPECT_NE(taken.find("port 127.0.0.1:" + std::to_string(port) + " of the host (TCP)"), std::string::npos) << taken;
    EXPECT_NE(taken.find("another program has it"), std::string::npos) << taken;
    uint16_t udp_port = 0;
    const UniqueFd other_udp = bound_socket(SOCK_DGRAM, udp_port);
    EXPECT_NE(error_of({{"127.0.0.1", udp_port, 80, true}}).find("(UDP)"), std::string::npos);
    EXPECT_NE(error_of({{"203.0.113.7", 0, 80}}).find("this host has no such address"), std::string::npos) << error_of({{"203.0.113.7", 0, 80}});
    EXPECT_NE(error_of({{"localhost", 8080, 80}}).find("none of IPv4"), std::string::npos);
    EXPECT_EQ(error_of({}), "");
}

}  // namespace
}  // namespace eremite::test
