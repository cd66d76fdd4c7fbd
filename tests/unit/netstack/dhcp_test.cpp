// The DHCP client against a server that does what the test wants.
#include <gtest/gtest.h>

#include "netstack/dhcp/client.hpp"
#include "tests/unit/netstack/network.hpp"

namespace eremite::test {
namespace {

using net::DhcpHeader;
using net::Ipv4Address;

class Server {
public:
    explicit Server(Network& n) : network_{n}, socket_{n.b.stack.udp(), events_} {
        socket_.options.broadcast = true;
        if (!socket_.bind({net::any_v4(), 67}).ok()) std::abort();
    }
    // Answers what has come; returns the types.
    std::vector<int> serve(bool refuse = false) {
        std::vector<int> types;
        net::Datagram datagram;
        while (net::Packet packet = socket_.receive(datagram)) {
            Bytes message = bytes_of(packet);
            if (message.size() < 300) std::abort();
            const int type = option(message, 53).at(0);
            types.push_back(type);
            last = message;
            if (silent || (type != 1 && type != 3)) continue;
            auto& header = *reinterpret_cast<DhcpHeader*>(message.data());
            header.operation = 2;
            header.yours = address.value;
            message.resize(240);
            const uint8_t answer = type == 1 ? 2 : refuse ? 6 : 5;
            const Bytes options{53, 1, answer, 54, 4, 10, 0, 0, 2, 51, 4, 0, 0, 0x0e, 0x10, 1,   4,   255, 255, 255, 0, 3,    4,  10,
                                0,  0, 2,      6,  8, 1,  1, 1, 1, 8,  8, 8, 8, 12,   3,    'b', 'o', 'x', 26,  2,   5, 0xaa, 255};
            message.insert(message.end(), options.begin(), options.end());
            Source source{message};
            const bool broadcast = (header.flags & DhcpHeader::broadcast_flag) != 0;
            const net::Endpoint to{broadcast ? net::IpAddress{Ipv4Address{0xffff'ffff}} : datagram.source.address, 68};
            if (!socket_.send(source, message.size(), &to).ok()) std::abort();
        }
        return types;
    }
    static Bytes option(const Bytes& message, uint8_t kind) {
        for (size_t at = 240; at + 1 < message.size() && message[at] != 255; at += 2U + message[at + 1])
            if (message[at] == kind)
                return Bytes(message.begin() + static_cast<ptrdiff_t>(at) + 2,
                             message.begin() + static_cast<ptrdiff_t>(at) + 2 + message[at + 1]);
        return {};
    }
    bool silent = false;
    Ipv4Address address = Ipv4Address::of(10, 0, 0, 50);  // for whoever asks
    Bytes last;

private:
    Network& network_;
    Events events_;
    net::UdpSocket socket_;
};

struct Dhcp : testing::Test {
    Dhcp() {
        if (!network.a.interface->remove_address(network.a4).ok()) std::abort();
    }
    std::vector<int> run(Duration time, bool refuse = false) {
        std::vector<int> types;
        const Instant end = network.now() + time;
        while (network.now() < end) {
            network.run_for(Duration::milliseconds(100));
            for (int type : server.serve(refuse)) types.push_back(type);
        }
        return types;
    }
    Network network;
    Server server{network};
    Events events;
    net::DhcpClient client{*network.a.interface, &events};
};

TEST_F(Dhcp, GetsKeepsAndGivesBack) {
    const Bytes name{'e', 'r', 'e'};
    ASSERT_TRUE(client.start(name).ok());
    EXPECT_EQ(run(Duration::seconds(2)), (std::vector<int>{1, 3}));
    ASSERT_TRUE(client.bound());
    EXPECT_EQ(Server::option(server.last, 12), name);
    EXPECT_EQ(Server::option(server.last, 50), (Bytes{10, 0, 0, 50}));
    EXPECT_EQ(client.lease().address, Ipv4Address::of(10, 0, 0, 50));
    EXPECT_EQ(client.lease().dns_count, 2);
    EXPECT_STREQ(client.lease().host_name.data(), "box");
    EXPECT_EQ(network.a.interface->mtu(), 1450);
    EXPECT_NE(network.a.interface->find_address(client.lease().address), nullptr);
    EXPECT_EQ(network.a.stack.ip().find_path(Ipv4Address::of(9, 9, 9, 9)).value().next_hop, network.b4);
    EXPECT_EQ(events.take(), net::event::readable);
    // Renewed after half of an hour, from the address itself.
    EXPECT_EQ(run(Duration::seconds(1810)), (std::vector<int>{3}));
    EXPECT_EQ(reinterpret_cast<const DhcpHeader*>(server.last.data())->client, Ipv4Address::of(10, 0, 0, 50).value);
    EXPECT_TRUE(Server::option(server.last, 50).empty());
    // The server falls silent: the lease ends, and the search begins anew.
    server.silent = true;
    const auto types = run(Duration::seconds(3700));
    EXPECT_GT(std::count(types.begin(), types.end(), 3), 3);
    EXPECT_GT(std::count(types.begin(), types.end(), 1), 0);
    EXPECT_FALSE(client.bound());
    EXPECT_EQ(network.a.interface->find_address(Ipv4Address::of(10, 0, 0, 50)), nullptr);
    server.silent = false;
    run(Duration::seconds(70));
    ASSERT_TRUE(client.bound());
    client.stop();
    EXPECT_EQ(run(Duration::seconds(1)), (std::vector<int>{7}));
    EXPECT_EQ(network.a.interface->find_address(Ipv4Address::of(10, 0, 0, 50)), nullptr);
}

TEST_F(Dhcp, RefusalsAndSilence) {
    server.silent = true;
    ASSERT_TRUE(client.start().ok());
    EXPECT_GE(run(Duration::seconds(60)).size(), 4U);
    server.silent = false;
    const auto types = run(Duration::seconds(100), true);
    EXPECT_FALSE(client.bound());
    EXPECT_GT(types.size(), 3U);
    run(Duration::seconds(100));
    EXPECT_TRUE(client.bound());
}

// A copy of a machine: the address is that of the other copy, which keeps it.
TEST_F(Dhcp, AsksAnewWithoutGivingBack) {
    ASSERT_TRUE(client.start().ok());
    run(Duration::seconds(2));
    ASSERT_TRUE(client.bound());
    const Bytes before = server.last;
    (void)events.take();
    server.address = Ipv4Address::of(10, 0, 0, 51);
    client.start_again();
    EXPECT_FALSE(client.bound());
    EXPECT_NE(events.take() & net::event::hangup, 0U);
    EXPECT_EQ(network.a.interface->find_address(Ipv4Address::of(10, 0, 0, 50)), nullptr) << "nobody answers with it meanwhile";
    EXPECT_EQ(run(Duration::seconds(2)), (std::vector<int>{1, 3})) << "no release";
    EXPECT_EQ(Server::option(server.last, 50), (Bytes{10, 0, 0, 51}));
    EXPECT_NE(reinterpret_cast<const DhcpHeader*>(server.last.data())->transaction, reinterpret_cast<const DhcpHeader*>(before.data())->transaction);
    ASSERT_TRUE(client.bound());
    EXPECT_EQ(client.lease().address, Ipv4Address::of(10, 0, 0, 51));
    EXPECT_NE(network.a.interface->find_address(Ipv4Address::of(10, 0, 0, 51)), nullptr);
    EXPECT_EQ(network.a.stack.ip().find_path(Ipv4Address::of(9, 9, 9, 9)).value().next_hop, network.b4);
}

TEST_F(Dhcp, AsksAnewInAnyState) {
    client.start_again();
    EXPECT_TRUE(run(Duration::seconds(10)).empty()) << "it was not started";
    server.silent = true;
    ASSERT_TRUE(client.start().ok());
    run(Duration::seconds(1));
    client.start_again();
    EXPECT_EQ(run(Duration::seconds(1)), std::vector<int>{1});
    server.silent = false;
    run(Duration::seconds(70));
    EXPECT_TRUE(client.bound());
}

TEST_F(Dhcp, AbandonsWithoutAWord) {
    ASSERT_TRUE(client.start().ok());
    run(Duration::seconds(2));
    ASSERT_TRUE(client.bound());
    client.abandon();
    EXPECT_FALSE(client.bound());
    EXPECT_EQ(network.a.interface->find_address(Ipv4Address::of(10, 0, 0, 50)), nullptr);
    EXPECT_TRUE(run(Duration::seconds(4000)).empty());
    ASSERT_TRUE(client.start().ok());
    run(Duration::seconds(2));
    EXPECT_TRUE(client.bound());
}

}  // namespace
}  // namespace eremite::test
