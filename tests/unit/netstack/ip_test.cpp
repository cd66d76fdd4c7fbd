// Below the transports: neighbours, echo, errors, fragments, UDP, groups, IPv6 and its configuration.
#include <gtest/gtest.h>

#include <optional>

#include "netstack/wire/checksum.hpp"
#include "tests/unit/netstack/network.hpp"

namespace eremite::test {
namespace {

using net::Datagram;
using net::Endpoint;
using net::IpAddress;
using net::Ipv4Address;
using net::Packet;
using net::UdpSocket;

struct Udp {
    explicit Udp(Host& host) : socket{host.stack.udp(), events} {}
    bool send(const Bytes& data, const Endpoint& to) {
        Source source{data};
        return socket.send(source, data.size(), &to).ok();
    }
    std::optional<Bytes> receive(Datagram* about = nullptr) {
        Datagram datagram;
        Packet packet = socket.receive(datagram);
        if (!packet) return std::nullopt;
        if (about) *about = datagram;
        EXPECT_EQ(datagram.length, packet.length());
        return bytes_of(packet);
    }
    Events events;
    UdpSocket socket;
};

TEST(Udp, ThereAndBack) {
    Network network;
    for (const bool v6 : {false, true}) {
        Udp a{network.a}, b{network.b};
        const IpAddress to = v6 ? network.b6 : network.b4;
        ASSERT_TRUE(b.socket.bind({v6 ? IpAddress{} : net::any_v4(), 53}).ok());
        for (const size_t size : {0UL, 1UL, 100UL, 1400UL, 1473UL, 9000UL, 65507UL - (v6 ? 40 : 0)}) {
            const Bytes data(size, 'u');
            ASSERT_TRUE(a.send(data, {to, 53})) << size;
            network.settle();
            Datagram about;
            const auto got = b.receive(&about);
            ASSERT_TRUE(got.has_value()) << size;
            EXPECT_EQ(*got, data);
            EXPECT_EQ(about.source.address, v6 ? network.a6 : network.a4);
            EXPECT_EQ(about.destination, (Endpoint{to, 53}));
            EXPECT_EQ(about.source.port, a.socket.local().port);
            ASSERT_TRUE(b.send({1, 2, 3}, about.source));
            network.settle();
            EXPECT_EQ(a.receive(), (Bytes{1, 2, 3}));
        }
    }
}

TEST(Udp, ToOurselves) {
    Network network;
    Udp a{network.a}, b{network.a};
    ASSERT_TRUE(b.socket.bind({IpAddress{}, 53}).ok());
    for (const IpAddress& to : {IpAddress{Ipv4Address::of(127, 0, 0, 1)}, net::loopback_v6, network.a4, network.a6}) {
        ASSERT_TRUE(a.send({42}, {to, 53}));
        network.settle();
        EXPECT_EQ(b.receive(), (Bytes{42}));
        a.socket.close();
    }
}

TEST(Udp, PortsAndErrors) {
    Network network;
    Udp first{network.a}, second{network.a}, third{network.a};
    ASSERT_TRUE(first.socket.bind({IpAddress{}, 100}).ok());
    EXPECT_EQ(second.socket.bind({net::any_v4(), 100}).code(), EADDRINUSE);
    EXPECT_EQ(second.socket.bind({network.b4, 100}).code(), EADDRNOTAVAIL);
    first.socket.close();
    first.socket.options.reuse = second.socket.options.reuse = true;
    EXPECT_TRUE(first.socket.bind({net::any_v4(), 100}).ok());
    EXPECT_TRUE(second.socket.bind({net::any_v4(), 100}).ok());
    EXPECT_EQ(third.socket.bind({net::any_v4(), 100}).code(), EADDRINUSE);
    // A closed port: the connected socket hears of it.
    ASSERT_TRUE(third.socket.connect({network.b4, 9}).ok());
    const Bytes one{1};
    Source again{one};
    ASSERT_TRUE(third.socket.send(again, 1, nullptr).ok());
    network.settle();
    EXPECT_EQ(third.socket.take_error(), ECONNREFUSED);
    Source big{one};
    EXPECT_EQ(third.socket.send(big, 70000, nullptr).code(), EMSGSIZE);
    third.socket.options.dont_fragment = true;
    const Bytes large(2000);
    Source too_large{large};
    EXPECT_EQ(third.socket.send(too_large, 2000, nullptr).code(), EMSGSIZE);
    const Endpoint broadcast{Ipv4Address::of(10, 0, 0, 255), 9};
    Source s{one};
    EXPECT_EQ(first.socket.send(s, 1, &broadcast).code(), EACCES);
    const Endpoint nowhere{Ipv4Address::of(99, 0, 0, 1), 9};
    Source t{one};
    EXPECT_EQ(first.socket.send(t, 1, &nowhere).code(), ENETUNREACH);
}

TEST(Udp, GroupsThatNobodyJoinedAreNotHeardOnTheLoopback) {
    Network network;
    Udp a{network.a}, b{network.a};
    const IpAddress group{Ipv4Address::of(239, 1, 2, 3)};
    ASSERT_TRUE(b.socket.bind({IpAddress{}, 7000}).ok());
    a.socket.options.multicast_interface = &network.a.stack.loopback();
    ASSERT_TRUE(a.send({1}, {group, 7000}));
    network.settle();
    EXPECT_EQ(b.receive(), std::nullopt);
    ASSERT_TRUE(b.socket.join(group, network.a.stack.loopback()).ok());
    ASSERT_TRUE(a.send({2}, {group, 7000}));
    network.settle();
    EXPECT_EQ(b.receive(), (Bytes{2}));
    // What goes out by another interface is heard by members there.
    ASSERT_TRUE(b.socket.leave(group, network.a.stack.loopback()).ok());
    ASSERT_TRUE(b.socket.join(group, *network.a.interface).ok());
    a.socket.options.multicast_interface = network.a.interface;
    ASSERT_TRUE(a.send({3}, {group, 7000}));
    network.settle();
    EXPECT_EQ(b.receive(), (Bytes{3}));
}

TEST(Udp, DisconnectGivesAPortBackThatWasNotAskedFor) {
    Network network;
    Udp a{network.a}, b{network.a};
    ASSERT_TRUE(a.socket.connect({network.b4, 9}).ok());
    const uint16_t port = a.socket.local().port;
    EXPECT_EQ(b.socket.bind({net::any_v4(), port}).code(), EADDRINUSE);
    a.socket.disconnect();
    EXPECT_FALSE(a.socket.bound());
    ASSERT_TRUE(b.socket.bind({net::any_v4(), port}).ok());
    // This one was.
    ASSERT_TRUE(b.socket.connect({network.b4, 9}).ok());
    b.socket.disconnect();
    EXPECT_EQ(b.socket.local(), (Endpoint{net::any_v4(), port}));
    ASSERT_TRUE(a.socket.connect({network.b4, 9}).ok());
    EXPECT_NE(a.socket.local().port, port);
}

TEST(Udp, BroadcastAndGroups) {
    Network network;
    Udp a{network.a}, b{network.b};
    ASSERT_TRUE(b.socket.bind({IpAddress{}, 7000}).ok());
    a.socket.options.broadcast = true;
    ASSERT_TRUE(a.send({1}, {Ipv4Address::of(10, 0, 0, 255), 7000}));
    ASSERT_TRUE(a.send({2}, {Ipv4Address::of(255, 255, 255, 255), 7000}));
    const IpAddress group{Ipv4Address::of(239, 1, 2, 3)}, group6 = IpAddress::v6({0xff15, 0, 0, 0, 0, 0, 0, 0x77});
    ASSERT_TRUE(a.send({3}, {group, 7000}));
    network.settle();
    EXPECT_EQ(b.receive(), (Bytes{1}));
    EXPECT_EQ(b.receive(), (Bytes{2}));
    EXPECT_EQ(b.receive(), std::nullopt) << "not a member yet";
    ASSERT_TRUE(b.socket.join(group, *network.b.interface).ok());
    EXPECT_EQ(b.socket.join(group, *network.b.interface).code(), EADDRINUSE);
    ASSERT_TRUE(b.socket.join(group6, *network.b.interface).ok());
    ASSERT_TRUE(a.send({4}, {group, 7000}));
    ASSERT_TRUE(a.send({5}, {group6, 7000}));
    network.settle();
    EXPECT_EQ(b.receive(), (Bytes{4}));
    EXPECT_EQ(b.receive(), (Bytes{5}));
    ASSERT_TRUE(b.socket.leave(group, *network.b.interface).ok());
    ASSERT_TRUE(a.send({6}, {group, 7000}));
    network.settle();
    EXPECT_EQ(b.receive(), std::nullopt);
}

TEST(Udp, QueuesAreBounded) {
    Network network;
    Udp a{network.a}, b{network.b};
    ASSERT_TRUE(b.socket.bind({net::any_v4(), 1}).ok());
    b.socket.options.receive_limit = 10'000;
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(a.send(Bytes(500), {network.b4, 1}));
        network.run_for(Duration::milliseconds(1));
    }
    EXPECT_LE(b.socket.queued(), 20U);
    EXPECT_GT(network.b.stack.drops(net::Drop::QueueFull), 70U);
}

// A frame with an ICMP echo of b4 to a4, or of what is given.
Bytes echo_frame(const Network& n, size_t size, uint16_t fragment = 0, size_t cut = 0) {
    Bytes frame(14 + 20 + 8 + size, 'e');
    *reinterpret_cast<net::EthernetHeader*>(frame.data()) = {Host::mac(1), Host::mac(2), 0x0800};
    net::write_ipv4(*reinterpret_cast<net::Ipv4Header*>(&frame[14]), n.b4, n.a4, net::Protocol::Icmp, frame.size() - 14 - cut, 64, 0, 99,
                    fragment);
    auto& icmp = *reinterpret_cast<net::IcmpHeader*>(&frame[34]);
    icmp = {8, 0, 0, 0x00010002};
    icmp.checksum.set_raw(net::checksum_of(std::span{frame}.subspan(34)));
    return frame;
}

TEST(Icmp, AnswersEchoes) {
    Network network;
    for (const size_t size : {0UL, 56UL, 1472UL}) {
        Bytes answer;
        network.filter = [&](Bytes& frame, bool from_a) {
            if (from_a && frame[13] == 0) answer = frame;
            return true;
        };
        network.a.receive(echo_frame(network, size));
        network.settle();
        ASSERT_EQ(answer.size(), 42 + size);
        EXPECT_EQ(answer[34], 0);
        EXPECT_EQ(net::checksum_of(std::span{answer}.subspan(34)), 0);
        EXPECT_EQ(Bytes(answer.begin() + 38, answer.end()), [&] {
            const Bytes f = echo_frame(network, size);
            return Bytes(f.begin() + 38, f.end());
        }());
    }
}

TEST(Icmp, ErrorsAreLimitedAndNeverAboutErrors) {
    Network network;
    int errors = 0;
    network.filter = [&](Bytes& frame, bool from_a) {
        errors += from_a && frame[13] == 0 && frame[23] == 1 && frame[34] == 3;
        return true;
    };
    Bytes frame = echo_frame(network, 8);
    frame[23] = 17;  // UDP to a port where nobody is
    auto& header = *reinterpret_cast<net::Ipv4Header*>(&frame[14]);
    net::write_ipv4(header, network.b4, network.a4, net::Protocol::Udp, frame.size() - 14, 64, 0, 99, 0);
    net::store_big<uint16_t>(&frame[38], 16);
    net::store_raw<uint16_t>(&frame[40], 0);
    for (int i = 0; i < 500; ++i) network.a.receive(frame);
    network.settle();
    EXPECT_GT(errors, 0);
    EXPECT_LE(errors, 60);
    // To a broadcast address, from nobody, about an error: none.
    network.run_for(Duration::seconds(1));
    errors = 0;
    net::write_ipv4(header, network.b4, Ipv4Address::of(10, 0, 0, 255), net::Protocol::Udp, frame.size() - 14, 64, 0, 99, 0);
    network.a.receive(frame);
    net::write_ipv4(header, net::any_v4(), network.a4, net::Protocol::Udp, frame.size() - 14, 64, 0, 99, 0);
    network.a.receive(frame);
    Bytes about_error = echo_frame(network, 8);
    about_error[34] = 3;
    network.a.receive(about_error);
    network.settle();
    EXPECT_EQ(errors, 0);
}

TEST(Ip, BadPacketsAreDropped) {
    Network network;
    const auto drops = [&](net::Drop why, const Bytes& frame) {
        const uint64_t before = network.a.stack.drops(why);
        network.a.receive(frame);
        return network.a.stack.drops(why) - before;
    };
    Bytes frame = echo_frame(network, 20);
    for (size_t length = 14; length < 34; ++length)
        EXPECT_EQ(drops(net::Drop::TooShort, Bytes(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(length))), 1U) << length;
    Bytes bad = frame;
    bad[14] = 0x65;
    EXPECT_EQ(drops(net::Drop::BadVersion, bad), 1U);
    bad = frame;
    bad[25] ^= 1;
    EXPECT_EQ(drops(net::Drop::BadChecksum, bad), 1U);
    bad = frame;
    bad[40] ^= 1;
    EXPECT_EQ(drops(net::Drop::BadChecksum, bad), 1U);
    bad.resize(50);
    EXPECT_EQ(drops(net::Drop::BadLength, bad), 1U);
    bad = frame;
    auto& header = *reinterpret_cast<net::Ipv4Header*>(&bad[14]);
    net::write_ipv4(header, network.b4, Ipv4Address::of(127, 0, 0, 1), net::Protocol::Icmp, bad.size() - 14, 64, 0, 99, 0);
    EXPECT_EQ(drops(net::Drop::NotForUs, bad) + network.a.stack.drops(net::Drop::BadAddress), 1U);
    bad = frame;
    bad[5] = 77;
    EXPECT_EQ(drops(net::Drop::NotForUs, bad), 1U);
}

TEST(Fragments, OverlapsAndFloods) {
    Network network;
    int answers = 0;
    network.filter = [&](Bytes& frame, bool from_a) {
        answers += from_a && frame[13] == 0 && frame[34] == 0;
        return true;
    };
    const Bytes whole = echo_frame(network, 32);  // 40 bytes of ICMP
    const auto piece = [&](size_t from, size_t to, uint16_t id) {
        Bytes frame(whole.begin(), whole.begin() + 34);
        frame.insert(frame.end(), whole.begin() + 34 + static_cast<ptrdiff_t>(from), whole.begin() + 34 + static_cast<ptrdiff_t>(to));
        net::write_ipv4(*reinterpret_cast<net::Ipv4Header*>(&frame[14]), network.b4, network.a4, net::Protocol::Icmp, 20 + to - from, 64, 0, id,
                        static_cast<uint16_t>(from / 8 | (to < 40 ? net::Ipv4Header::more_fragments : 0)));
        return frame;
    };
    const auto send = [&](std::initializer_list<std::pair<size_t, size_t>> pieces, uint16_t id) {
        answers = 0;
        for (const auto& [from, to] : pieces) network.a.receive(piece(from, to, id));
        network.settle();
        return answers;
    };
    EXPECT_EQ(send({{0, 16}, {16, 40}}, 1), 1);
    EXPECT_EQ(send({{16, 40}, {0, 16}}, 2), 1);
    EXPECT_EQ(send({{32, 40}, {16, 24}, {0, 8}, {24, 32}, {8, 16}}, 3), 1);
    EXPECT_EQ(send({{0, 16}, {0, 16}, {16, 40}}, 4), 1) << "a repetition";
    EXPECT_EQ(send({{0, 24}, {16, 40}}, 5), 0) << "an overlap";
    EXPECT_EQ(send({{16, 40}, {0, 24}}, 6), 0);
    EXPECT_EQ(send({{0, 16}, {24, 40}}, 7), 0) << "a hole";
    for (uint16_t id = 100; id < 1100; ++id) network.a.receive(piece(0, 16, id));
    network.run_for(Duration::seconds(40));
    EXPECT_EQ(network.a.memory.pool.free_small() + network.a.memory.pool.free_large(), 2048U + 512U) << "all is given back";
}

TEST(Neighbours, AreAskedForAndForgotten) {
    Network network;
    int requests = 0;
    network.filter = [&](Bytes& frame, bool from_a) {
        requests += from_a && frame[12] == 8 && frame[13] == 6 && frame[21] == 1;
        return true;
    };
    Udp a{network.a};
    // Nobody: three times, then the senders hear of it.
    ASSERT_TRUE(a.socket.connect({Ipv4Address::of(10, 0, 0, 77), 9}).ok());
    const Bytes one{1};
    for (int i = 0; i < 40; ++i) {
        Source source{one};
        ASSERT_TRUE(a.socket.send(source, 1, nullptr).ok());
    }
    network.run_for(Duration::seconds(5));
    EXPECT_EQ(requests, 3);
    EXPECT_EQ(a.socket.take_error(), EHOSTUNREACH);
    // Somebody: known for a while, then made sure of by unicast.
    requests = 0;
    Udp c{network.a};
    ASSERT_TRUE(c.send(one, {network.b4, 9}));
    network.settle();
    EXPECT_EQ(requests, 1);
    network.run_for(Duration::seconds(31));
    ASSERT_TRUE(c.send(one, {network.b4, 9}));
    network.run_for(Duration::seconds(6));
    EXPECT_EQ(requests, 2);
    EXPECT_EQ(network.a.interface->neighbours().find(network.b4)->state, net::NeighbourState::Reachable);
    // A flood of requests cannot fill more than the table.
    for (uint32_t i = 0; i < 2000; ++i) {
        Bytes frame(42);
        *reinterpret_cast<net::EthernetHeader*>(frame.data()) = {net::MacAddress::broadcast(), Host::mac(3), 0x0806};
        *reinterpret_cast<net::ArpPacket*>(&frame[14]) = {1, 0x0800, 6, 4, 1, Host::mac(3), 0x0a000100 + i, {}, network.a4.v4().value};
        network.a.receive(frame);
    }
    EXPECT_LE(network.a.interface->neighbours().count(), net::NeighbourTable::most_neighbours);
}

TEST(Routes, TheLongestPrefixWins) {
    Network network;
    net::RouteTable& routes = network.a.stack.ip().routes();
    const IpAddress gateway{network.b4};
    ASSERT_TRUE(routes.add({.prefix = net::any_v4(), .length = 96, .gateway = gateway, .interface = network.a.interface}).ok());
    ASSERT_TRUE(routes
                    .add({.prefix = Ipv4Address::of(192, 168, 0, 0),
                          .length = 96 + 16,
                          .gateway = Ipv4Address::of(10, 0, 0, 9),
                          .interface = network.a.interface})
                    .ok());
    EXPECT_EQ(routes.add({.prefix = net::any_v4(), .length = 96, .gateway = gateway, .interface = network.a.interface}).code(), EEXIST);
    EXPECT_EQ(network.a.stack.ip().find_path(Ipv4Address::of(8, 8, 8, 8)).value().next_hop, gateway);
    EXPECT_EQ(network.a.stack.ip().find_path(Ipv4Address::of(192, 168, 3, 3)).value().next_hop, IpAddress{Ipv4Address::of(10, 0, 0, 9)});
    EXPECT_EQ(network.a.stack.ip().find_path(network.b4).value().next_hop, network.b4);
    EXPECT_EQ(network.a.stack.ip().find_path(network.a4).value().interface, &network.a.stack.loopback());
    EXPECT_EQ(network.a.stack.ip().find_path(IpAddress::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1})).code(), ENETUNREACH);
}

TEST(Ipv6, DuplicateAddressesAreFound) {
    Network network;
    ASSERT_TRUE(network.a.interface->add_address(IpAddress::v6({0xfd00, 0, 0, 0, 0, 0, 0, 2}), 64).ok());
    network.run_for(Duration::seconds(3));
    EXPECT_EQ(network.a.interface->find_address(network.b6), nullptr);
}

TEST(Ipv6, RoutersConfigureAddresses) {
    Network network;
    ASSERT_TRUE(network.a.stack.ndp().enable(*network.a.interface).ok());
    int solicitations = 0;
    network.filter = [&](Bytes& frame, bool from_a) {
        solicitations += from_a && frame[12] == 0x86 && frame[20] == 58 && frame[54] == 133;
        return true;
    };
    network.run_for(Duration::seconds(3));
    EXPECT_GE(solicitations, 1);
    const IpAddress router = IpAddress::v6({0xfe80, 0, 0, 0, 0, 0, 0, 0x99});
    Bytes frame(14 + 40 + 16 + 8 + 8 + 32 + 24);
    *reinterpret_cast<net::EthernetHeader*>(frame.data()) = {{{0x33, 0x33, 0, 0, 0, 1}}, Host::mac(9), 0x86dd};
    net::write_ipv6(*reinterpret_cast<net::Ipv6Header*>(&frame[14]), router, net::all_nodes, net::Protocol::Icmpv6, frame.size() - 54, 255,
                    0, 0);
    *reinterpret_cast<net::RouterAdvertisement*>(&frame[54]) = {{134, 0, 0, 64U << 24 | 1800}, 0, 0};
    frame[70] = 1, frame[71] = 1, frame[77] = 9, frame[72] = 2;
    frame[78] = 5, frame[79] = 1;
    net::store_big<uint32_t>(&frame[82], 1400);
    const IpAddress prefix = IpAddress::v6({0x2001, 0xdb8, 1, 2, 0, 0, 0, 0});
    *reinterpret_cast<net::PrefixOption*>(&frame[86]) = {3, 4, 64, 0xc0, 7200, 3600, 0, prefix.bytes()};
    frame[118] = 25, frame[119] = 3;
    net::store_big<uint32_t>(&frame[122], 600);
    std::copy_n(router.bytes().begin(), 16, frame.begin() + 126);
    net::ChecksumSum sum;
    sum.add_pseudo_header(router, net::all_nodes, 58, static_cast<uint32_t>(frame.size() - 54));
    sum.add(std::span{frame}.subspan(54));
    reinterpret_cast<net::IcmpHeader*>(&frame[54])->checksum.set_raw(sum.checksum());
    network.a.receive(frame);
    network.run_for(Duration::seconds(3));
    const IpAddress own = IpAddress::v6({0x2001, 0xdb8, 1, 2, 0x0000, 0x00ff, 0xfe00, 1});
    ASSERT_NE(network.a.interface->find_address(own), nullptr);
    const auto path = network.a.stack.ip().find_path(IpAddress::v6({0x2001, 0xdb8, 9, 9, 0, 0, 0, 1}));
    ASSERT_TRUE(path.ok());
    EXPECT_EQ(path.value().next_hop, router);
    EXPECT_EQ(path.value().source, own);
    EXPECT_EQ(network.a.interface->mtu(), 1400);
    EXPECT_EQ(network.a.interface->router_discovery().dns_count, 1);
    // It all ends with its lifetimes.
    network.run_for(Duration::seconds(3700));
    EXPECT_EQ(network.a.interface->find_address(own)->state, net::AddressState::Deprecated);
    EXPECT_EQ(network.a.stack.ip().find_path(IpAddress::v6({0x2001, 0xdb8, 9, 9, 0, 0, 0, 1})).code(), ENETUNREACH);
    network.run_for(Duration::seconds(3700));
    EXPECT_EQ(network.a.interface->find_address(own), nullptr);
}

TEST(Interface, FullDevicesAndLinksThatGoDown) {
    Network network;
    Udp a{network.a}, b{network.b};
    ASSERT_TRUE(b.socket.bind({net::any_v4(), 5}).ok());
    ASSERT_TRUE(a.send({1}, {network.b4, 5}));
    network.settle();
    network.a.device.full = true;
    ASSERT_TRUE(a.send({2}, {network.b4, 5}));
    EXPECT_FALSE(a.send({3}, {network.b4, 5})) << "EAGAIN while packets wait";
    network.a.device.full = false;
    network.a.stack.device_ready(*network.a.interface);
    network.settle();
    EXPECT_EQ(b.socket.queued(), 2U);
    network.a.interface->set_link(false);
    (void)a.send({4}, {network.b4, 5});
    network.settle();
    EXPECT_EQ(b.socket.queued(), 2U);
    network.a.interface->set_link(true);
    ASSERT_TRUE(a.send({5}, {network.b4, 5}));
    network.settle();
    EXPECT_EQ(b.socket.queued(), 3U);
}

}  // namespace
}  // namespace eremite::test
