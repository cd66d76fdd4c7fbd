// Many peers, bad ones and those that vanish: memory stays bounded and service goes on.
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "netstack/wire/checksum.hpp"
#include "tests/unit/netstack/tcp_pair.hpp"

namespace eremite::test {
namespace {

Bytes syn_frame(const Network& n, uint32_t source, uint16_t port) {
    Bytes frame(54);
    *reinterpret_cast<net::EthernetHeader*>(frame.data()) = {Host::mac(2), Host::mac(9), 0x0800};
    const net::IpAddress from{net::Ipv4Address{source}};
    net::write_ipv4(*reinterpret_cast<net::Ipv4Header*>(&frame[14]), from, n.b4, net::Protocol::Tcp, 40, 64, 0, 1, 0);
    auto& tcp = *reinterpret_cast<net::TcpHeader*>(&frame[34]);
    tcp = {port, 80, 7, 0, 0x50, net::TcpHeader::syn, 1000, 0, 0};
    net::ChecksumSum sum;
    sum.add_pseudo_header(from, n.b4, 6, 20);
    sum.add({&frame[34], 20});
    tcp.checksum.set_raw(sum.checksum());
    return frame;
}

TEST(Flood, SynsDoNotKeepOthersOut) {
    HostOptions options;
    options.tcp.most_requests = 64;
    Network network{{}, {}, options};
    Events events;
    net::tcp::Listener* listener = network.b.stack.tcp().listen({net::any_v4(), 80}, 128, {}, &events).value();
    uint32_t source = net::Ipv4Address::of(10, 0, 0, 10).value;
    for (int round = 0; round < 20; ++round) {
        for (int i = 0; i < 500; ++i)
            network.b.receive(syn_frame(network, source + static_cast<uint32_t>(i % 200), static_cast<uint16_t>(1000 + i + 500 * round)));
        network.run_for(Duration::milliseconds(20));
        EXPECT_LE(network.b.stack.tcp().requests(), 64U);
    }
    EXPECT_GT(network.b.stack.tcp().cookies_sent(), 9000U);
    // Answers to peers that are not there wait for their link addresses, but not many.
    EXPECT_GE(network.b.memory.pool.free_fragments(), 8192U - 400);
    Events client_events;
    net::tcp::Connection* client = network.a.stack.tcp().connect({}, {network.b4, 80}, {}, &client_events).value();
    EXPECT_TRUE(network.run([&] { return listener->readable(); }, Duration::seconds(5)));
    net::tcp::Connection* server = listener->accept();
    ASSERT_NE(server, nullptr);
    EXPECT_EQ(server->state(), net::tcp::State::Established);
    EXPECT_TRUE(server->info().sack);
    client->abort();
    server->abort();
    network.run_for(Duration::seconds(120));
    EXPECT_EQ(network.b.stack.tcp().requests(), 0U);
    network.b.stack.tcp().close(*listener);
}

TEST(Flood, ManyIdleConnections) {
    constexpr size_t count = 2000;
    HostOptions options;
    options.tcp.most_requests = 4096;
    Network network{{}, options, options};
    Events events;
    net::tcp::Listener* listener = network.b.stack.tcp().listen({net::any_v4(), 80}, 4096, {}, &events).value();
    std::vector<net::tcp::Connection*> clients, servers;
    for (size_t i = 0; i < count; ++i) clients.push_back(network.a.stack.tcp().connect({}, {network.b4, 80}, {}, &events).value());
    network.run_for(Duration::seconds(5));
    while (net::tcp::Connection* c = listener->accept()) servers.push_back(c);
    ASSERT_EQ(servers.size(), count);
    // Idle ones hold no packet memory.
    EXPECT_EQ(network.b.memory.pool.free_small(), 2048U);
    EXPECT_LE(sizeof(net::tcp::Connection), 1100U);
    for (size_t i = 0; i < count; ++i) {
        const Bytes data{static_cast<uint8_t>(i)};
        Source source{data};
        ASSERT_TRUE(clients[i]->send(source, 1).ok());
    }
    network.run_for(Duration::seconds(3));
    size_t arrived = 0;
    for (net::tcp::Connection* c : servers) arrived += c->readable_bytes();
    EXPECT_EQ(arrived, count);
    for (auto* c : clients) c->abort();
    network.run_for(Duration::seconds(3));
    for (auto* c : servers) c->close();
    network.run_for(Duration::seconds(1));
    EXPECT_EQ(network.a.stack.tcp().connections() + network.b.stack.tcp().connections(), 0U);
    network.b.stack.tcp().close(*listener);
}

TEST(Flood, PortsRunOutAndComeBack) {
    HostOptions options;
    options.tcp.most_connections = 70000;
    options.tcp.most_time_waits = 100;
    options.fragments = 40000;
    Network network{{}, options, {}};
    Events events;
    std::vector<net::tcp::Connection*> all;
    network.connected = false;
    for (;;) {
        auto made = network.a.stack.tcp().connect({}, {network.b4, 80}, {}, &events);
        if (!made.ok()) {
            EXPECT_EQ(made.code(), EADDRNOTAVAIL);
            break;
        }
        all.push_back(made.value());
        if (all.size() > 60'000) break;
    }
    EXPECT_EQ(all.size(), size_t{net::Stack::last_ephemeral_port} - net::Stack::first_ephemeral_port + 1);
    all.back()->abort();
    all.pop_back();
    network.run_for(Duration::milliseconds(1));
    auto again = network.a.stack.tcp().connect({}, {network.b4, 80}, {}, &events);
    ASSERT_TRUE(again.ok());
    all.push_back(again.value());
    for (auto* c : all) c->abort();
    network.run_for(Duration::milliseconds(1));
    EXPECT_EQ(network.a.stack.tcp().connections(), 0U);
}

TEST(Lists, NameListenersAndSockets) {
    Network network;
    Events events;
    net::TcpLayer& tcp = network.a.stack.tcp();
    net::tcp::Listener* listener = tcp.listen({network.a4, 8000}, 1, {}, &events).value();
    net::UdpSocket socket{network.a.stack.udp(), events};
    ASSERT_TRUE(socket.bind({net::any_v4(), 9}).ok());
    int found = 0;
    tcp.for_each_listener([&](const net::tcp::Listener& l) { found += l.local().port == 8000; });
    network.a.stack.udp().for_each([&](const net::UdpSocket& s) { found += s.local().port == 9; });
    EXPECT_EQ(found, 2);
    tcp.close(*listener);
}

TEST(Flood, PeerVanishes) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    const Bytes data(100'000, 1);
    network.connected = false;
    Source source{data};
    ASSERT_TRUE(pair.client->send(source, data.size()).ok());
    EXPECT_TRUE(network.run([&] { return pair.client->state() == net::tcp::State::Closed; }, Duration::seconds(2000)));
    const int error = pair.client->take_error();
    EXPECT_TRUE(error == ETIMEDOUT || error == EHOSTUNREACH) << error;
    EXPECT_NE(pair.client_events.seen & net::event::error, 0U);
}

TEST(Flood, LinkComesBack) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    for (int i = 0; i < 3; ++i) {
        network.connected = false;
        const Bytes data(50'000, 1);
        Source source{data};
        ASSERT_TRUE(pair.client->send(source, data.size()).ok());
        network.run_for(Duration::seconds(20));
        network.connected = true;
        EXPECT_TRUE(network.run([&] { return pair.server->readable_bytes() == data.size(); }, Duration::seconds(60)));
        Sink sink;
        ASSERT_TRUE(pair.server->receive(sink, SIZE_MAX).ok());
    }
}

TEST(Flood, MemoryRunsOut) {
    HostOptions small;
    small.fragments = 200, small.small_buffers = 64, small.large_buffers = 8;
    Network network{{.delay = Duration::milliseconds(5), .loss = 20}, small, small};
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    EXPECT_GT(pair.transfer(500'000, 60'000, true, Duration::seconds(1000)).ns, 0);
    EXPECT_GT(pair.transfer(500'000, 60'000, false, Duration::seconds(1000)).ns, 0);
}

TEST(Loopback, Streams) {
    Network network;
    Events events;
    net::TcpLayer& tcp = network.a.stack.tcp();
    net::tcp::Listener* listener = tcp.listen({net::IpAddress{}, 80}, 8, {}, &events).value();
    for (const net::IpAddress& to : {net::IpAddress{net::Ipv4Address::of(127, 0, 0, 1)}, net::loopback_v6, network.a4}) {
        net::tcp::Connection* client = tcp.connect({}, {to, 80}, {}, &events).value();
        ASSERT_TRUE(network.run([&] { return listener->readable(); }));
        net::tcp::Connection* server = listener->accept();
        size_t sent = 0, received = 0;
        const Bytes data(4 << 20, 3);
        EXPECT_TRUE(network.run([&] {
            Source source{std::span{data}.subspan(sent)};
            if (const auto n = client->send(source, data.size() - sent); n.ok()) sent += n.value();
            Sink sink;
            if (const auto n = server->receive(sink, SIZE_MAX); n.ok()) received += n.value();
            return received == data.size();
        }));
        client->close();
        server->close();
        network.run_for(Duration::seconds(1));
    }
    EXPECT_EQ(tcp.connections(), 0U);
    // Both ends, where both closed at once.
    EXPECT_GE(tcp.time_waits(), 3U);
    tcp.close(*listener);
}

TEST(ZeroCopy, BuffersOfTheProgramAreSentAndComeBack) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    struct Lender final : net::BufferOwner {
        void release(net::Buffer&) override { ++returned; }
        int returned = 0;
    } lender;
    Bytes data(10'000);
    for (size_t i = 0; i < data.size(); ++i) data[i] = pattern(i);
    net::Buffer buffer{data.data(), 10'000, 1, &lender};
    net::Packet packet = net::Packet::over(network.a.memory.pool, buffer, data.data(), 10'000);
    ASSERT_TRUE(pair.client->send(packet).ok());
    Bytes got;
    EXPECT_TRUE(network.run([&] {
        while (net::Packet p = pair.server->receive_packet(3000)) {
            const Bytes part = bytes_of(p);
            got.insert(got.end(), part.begin(), part.end());
        }
        return got.size() == data.size();
    }));
    network.settle();
    EXPECT_EQ(got, data);
    EXPECT_EQ(lender.returned, 1);
}

// All but so many, which the test gives back.
std::vector<net::Fragment*> take_fragments(net::PacketPool& pool, size_t left) {
    std::vector<net::Fragment*> taken;
    while (pool.free_fragments() > left) taken.push_back(pool.allocate_fragment());
    return taken;
}

// What peers will send again is not kept with the last memory: that is for answers.
TEST(Flood, DataAreNotKeptWithTheLastMemory) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    net::PacketPool& pool = network.b.memory.pool;
    const std::vector<net::Fragment*> taken = take_fragments(pool, 100);
    ASSERT_TRUE(pool.nearly_empty());
    const auto send = [](net::tcp::Connection& connection, std::string_view text) {
        const Bytes data{text.begin(), text.end()};
        Source source{data};
        return connection.send(source, data.size());
    };
    ASSERT_TRUE(send(*pair.client, "question").ok());
    network.run_for(Duration::milliseconds(50));
    EXPECT_EQ(pair.server->readable_bytes(), 0U);
    EXPECT_GT(network.b.stack.drops(net::Drop::NoMemory), 0U);
    // Who has something to say can.
    ASSERT_TRUE(send(*pair.server, "hello").ok());
    EXPECT_TRUE(network.run([&] { return pair.client->readable_bytes() == 5; }, Duration::seconds(2)));
    for (net::Fragment* f : taken) pool.free(*f);
    EXPECT_TRUE(network.run([&] { return pair.server->readable_bytes() == 8; }, Duration::seconds(30)));
}

// Else a program that sends would try again and again, and never let anybody give memory back.
TEST(Flood, WhoSendsWithoutMemoryIsToldWhenThereIsSome) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.client, nullptr);
    net::PacketPool& pool = network.a.memory.pool;
    const std::vector<net::Fragment*> taken = take_fragments(pool, 0);
    network.run_for(Duration::seconds(1));
    pair.client_events.take();
    const Bytes data(10'000, 1);
    for (int i = 0; i < 10; ++i) {
        Source source{data};
        EXPECT_EQ(pair.client->send(source, data.size()).code(), EAGAIN);
        network.a.stack.flush();
        EXPECT_EQ(pair.client_events.take(), 0U);
    }
    for (net::Fragment* f : taken) pool.free(*f);
    EXPECT_TRUE(network.run([&] { return (pair.client_events.take() & net::event::writable) != 0; }, Duration::milliseconds(100)));
    EXPECT_GT(pair.transfer(100'000, 1000).ns, 0);
}

}  // namespace
}  // namespace eremite::test
