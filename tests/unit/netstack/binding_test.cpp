// Who may hold a port beside whom (socket(7), ip(7)), as bind(2) on Linux answers.
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/netstack/tcp_pair.hpp"

namespace eremite::test {
namespace {

using net::tcp::Binding;
using net::tcp::Sharing;

class TcpBinding : public testing::Test {
protected:
    int bind(const net::Endpoint& at, const Sharing& sharing = {}) {
        bindings_.push_back(std::make_unique<Binding>());
        return tcp().bind(*bindings_.back(), at, sharing).code();
    }
    Binding& last() { return *bindings_.back(); }
    net::TcpLayer& tcp() { return network.a.stack.tcp(); }
    Network network;
    Events events;

private:
    std::vector<std::unique_ptr<Binding>> bindings_;
};

TEST_F(TcpBinding, HoldsItsPortUntilItGoes) {
    EXPECT_EQ(bind({net::any_v4(), 80}), 0);
    EXPECT_EQ(last().local().port, 80);
    EXPECT_EQ(tcp().bind(last(), {net::any_v4(), 81}, {}).code(), EINVAL);
    Binding other;
    EXPECT_EQ(tcp().bind(other, {net::any_v4(), 80}, {}).code(), EADDRINUSE);
    EXPECT_EQ(tcp().bind(other, {network.a4, 80}, {}).code(), EADDRINUSE);
    last().release();
    EXPECT_EQ(tcp().bind(other, {network.a4, 80}, {}).code(), 0);
}

TEST_F(TcpBinding, AddressesMustBeOurs) {
    EXPECT_EQ(bind({network.b4, 80}), EADDRNOTAVAIL);
    EXPECT_EQ(bind({network.a4, 80}), 0);
    EXPECT_EQ(bind({net::IpAddress{net::Ipv4Address::of(127, 0, 0, 1)}, 80}), 0);
}

TEST_F(TcpBinding, FamiliesOverlapUnlessToldNotTo) {
    EXPECT_EQ(bind({net::any_v4(), 80}), 0);
    EXPECT_EQ(bind({net::IpAddress{}, 80}), EADDRINUSE);
    EXPECT_EQ(bind({net::IpAddress{}, 80}, {.v6_only = true}), 0);
    EXPECT_EQ(bind({network.a6, 80}), EADDRINUSE);
}

TEST_F(TcpBinding, BothMustAgreeToShare) {
    EXPECT_EQ(bind({net::any_v4(), 80}, {.reuse_address = true}), 0);
    EXPECT_EQ(bind({net::any_v4(), 80}), EADDRINUSE);
    EXPECT_EQ(bind({net::any_v4(), 80}, {.reuse_port = true}), EADDRINUSE);
    EXPECT_EQ(bind({net::any_v4(), 80}, {.reuse_address = true}), 0);
    EXPECT_EQ(bind({net::any_v4(), 81}, {.reuse_port = true}), 0);
    EXPECT_EQ(bind({net::any_v4(), 81}, {.reuse_port = true}), 0);
}

TEST_F(TcpBinding, NobodyJoinsOneWhoListens) {
    ASSERT_EQ(bind({net::any_v4(), 80}, {.reuse_address = true}), 0);
    net::tcp::Listener* const listener = tcp().listen(last().local(), 8, {}, &events).value();
    EXPECT_EQ(bind({net::any_v4(), 80}, {.reuse_address = true}), EADDRINUSE);
    tcp().close(*listener);
    EXPECT_EQ(bind({net::any_v4(), 80}, {.reuse_address = true}), 0);
}

TEST_F(TcpBinding, ConnectionsKeepThoseAwayWhoDoNotReuse) {
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    net::TcpLayer& server = network.b.stack.tcp();
    server.close(*pair.listener);
    Binding binding;
    EXPECT_EQ(server.bind(binding, {net::any_v4(), 80}, {}).code(), EADDRINUSE);
    EXPECT_EQ(server.bind(binding, {net::any_v4(), 80}, {.reuse_address = true}).code(), 0);
    pair.listener = server.listen({net::any_v4(), 80}, 8, {}, &events).value();
}

TEST_F(TcpBinding, AnyPortIsOneThatIsFree) {
    std::vector<uint16_t> ports;
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(bind({net::any_v4(), 0}), 0);
        const uint16_t port = last().local().port;
        EXPECT_GE(port, net::Stack::first_ephemeral_port);
        EXPECT_LE(port, net::Stack::last_ephemeral_port);
        EXPECT_EQ(std::find(ports.begin(), ports.end(), port), ports.end());
        ports.push_back(port);
    }
}

TEST_F(TcpBinding, ConnectionsDoNotTakePortsThatAreHeld) {
    for (uint32_t port = net::Stack::first_ephemeral_port; port <= net::Stack::last_ephemeral_port; ++port)
        if (port != 40'000) ASSERT_EQ(bind({net::any_v4(), static_cast<uint16_t>(port)}), 0);
    net::tcp::Connection* const connection = tcp().connect({}, {network.b4, 80}, {}, &events).value();
    EXPECT_EQ(connection->key.local.port, 40'000);
    EXPECT_EQ(tcp().connect({}, {network.b4, 80}, {}, &events).code(), EADDRNOTAVAIL);
    connection->abort();
}

}  // namespace
}  // namespace eremite::test
