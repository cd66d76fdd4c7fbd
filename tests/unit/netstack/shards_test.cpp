// Several stacks that are one host (netstack/shards.hpp): whichever of them a packet comes to, what belongs together finds together.
#include <gtest/gtest.h>

#include <deque>

#include "netstack/wire/ethernet.hpp"
#include "tests/unit/netstack/host.hpp"

namespace eremite::test {
namespace {

const net::IpAddress host4 = net::Ipv4Address::of(10, 0, 0, 1), peer4 = net::Ipv4Address::of(10, 0, 0, 2);
const net::IpAddress host6 = net::IpAddress::v6({0xfd00, 0, 0, 0, 0, 0, 0, 1}), peer6 = net::IpAddress::v6({0xfd00, 0, 0, 0, 0, 0, 0, 2});

// One shard of the host; what it hands over waits until the test lets it go on.
struct ShardUnderTest final : net::OtherShards {
    struct Handed {
        uint32_t to, interface;
        Bytes bytes;
        net::Offload offload;
    };
    ShardUnderTest(uint32_t index, uint32_t count, std::deque<std::function<void()>>& w, std::vector<std::unique_ptr<ShardUnderTest>>& s)
        : device{{.mac = Host::mac(1)}}, work{w}, all_of_them{s},
          stack{memory.pool, {.secret = {1, 2}, .shard = {.index = index, .count = count, .others = this}}} {
        if (!stack.start().ok()) std::abort();
        interface = stack.add_interface(device).value();
    }
    void hand_over(uint32_t to, const net::Interface& from, const net::Packet& packet) override {
        ++handed;
        const Handed item{to, from.index(), bytes_of(packet), packet.offload()};
        for (uint32_t i = 0; i < all_of_them.size(); ++i)
            if (i != stack.shard().index && (to == i || to == all)) work.push_back([this, i, item] { all_of_them[i]->take(item); });
    }
    Result<void> join(const net::Interface& from, const net::IpAddress& group) override {
        work.push_back([this, index = from.index(), group] { (void)all_of_them[0]->stack.interface(index)->join(group); });
        return {};
    }
    void leave(const net::Interface& from, const net::IpAddress& group) override {
        work.push_back([this, index = from.index(), group] { all_of_them[0]->stack.interface(index)->leave(group); });
    }
    void take(const Handed& item) {
        net::Packet packet = packet_of(item.bytes);
        packet.offload() = item.offload;
        packet.offload().handed = static_cast<uint8_t>(packet.offload().handed + 1);
        stack.receive_handed(*stack.interface(item.interface), std::move(packet));
    }
    net::Packet packet_of(const Bytes& bytes) {
        net::Packet packet = memory.pool.allocate_data(static_cast<uint32_t>(bytes.size()));
        if (!packet || !packet.append_copy(bytes)) std::abort();
        return packet;
    }

    PoolMemory memory{4096, 1024, 64};
    TestDevice device;
    std::deque<std::function<void()>>& work;
    std::vector<std::unique_ptr<ShardUnderTest>>& all_of_them;
    net::Stack stack;
    net::Interface* interface = nullptr;
    int handed = 0, frames = 0;
};

class Shards : public testing::TestWithParam<uint32_t> {
protected:
    Shards() {
        for (uint32_t i = 0; i < GetParam(); ++i) {
            shards.push_back(std::make_unique<ShardUnderTest>(i, GetParam(), work_, shards));
            shards[i]->device.sent = [this, i](const Bytes& bytes, const net::Offload& offload) {
                ++shards[i]->frames;
                seen.push_back(bytes);
                work_.push_back([this, bytes, offload] { peer.receive(bytes, offload); });
            };
        }
        peer.device.sent = [this](const Bytes& bytes, const net::Offload& offload) {
            const uint32_t to = steer ? steer(bytes) : 0;
            work_.push_back([this, to, bytes, offload] {
                net::Packet packet = shards[to]->packet_of(bytes);
                packet.offload() = offload;
                shards[to]->stack.receive(*shards[to]->interface, std::move(packet));
            });
        };
        bool fine = first().interface->add_address(host4, 24).ok() && first().interface->add_address(host6, 64).ok();
        fine = fine && peer.interface->add_address(peer4, 24).ok() && peer.interface->add_address(peer6, 64).ok();
        if (!fine) std::abort();
        run_for(Duration::seconds(3));
    }
    ShardUnderTest& first() { return *shards.front(); }
    ShardUnderTest& last() { return *shards.back(); }
    // A port that belongs to the last shard.
    [[nodiscard]] uint16_t port_of_last() const { return static_cast<uint16_t>(6000 - 6000 % GetParam() + GetParam() - 1); }
    // Frames come to each in turn.
    void scatter() {
        steer = [this](const Bytes&) { return static_cast<uint32_t>(turn_++ % GetParam()); };
    }
    void settle() {
        do {
            for (const auto& shard : shards) shard->stack.flush();
            peer.stack.flush();
            if (first().stack.take_settings_change())
                for (uint32_t i = 1; i < shards.size(); ++i) shards[i]->stack.adopt(first().stack);
            if (work_.empty()) break;
            const auto next = std::move(work_.front());
            work_.pop_front();
            next();
        } while (true);
    }
    void run_for(Duration time) {
        constexpr Duration step = Duration::milliseconds(20);
        for (const Instant end = now_ + time; now_ < end; now_ = now_ + step) {
            for (const auto& shard : shards) shard->stack.advance(now_);
            peer.stack.advance(now_);
            settle();
        }
    }
    // Frames of the host that carry this protocol over IPv4.
    [[nodiscard]] size_t seen_of(net::Protocol protocol) const {
        return static_cast<size_t>(std::ranges::count_if(seen, [&](const Bytes& f) { return f[12] == 8 && f[13] == 0 && f[23] == static_cast<uint8_t>(protocol); }));
    }
    static Bytes data(size_t size) {
        Bytes bytes(size);
        for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 251);
        return bytes;
    }
    // Sends all of it while the other end reads.
    Bytes transfer(net::tcp::Connection& from, net::tcp::Connection& to, const Bytes& bytes) {
        Sink sink;
        size_t sent = 0;
        for (int rounds = 0; sink.bytes.size() < bytes.size() && rounds < 2000; ++rounds) {
            Source source{std::span{bytes}.subspan(sent)};
            if (const auto taken = from.send(source, bytes.size() - sent); taken.ok()) sent += taken.value();
            run_for(Duration::milliseconds(20));
            while (to.receive(sink, 65536).ok()) {}
        }
        return sink.bytes;
    }

    std::vector<std::unique_ptr<ShardUnderTest>> shards;
    Host peer{2};
    Events events;
    std::function<uint32_t(const Bytes&)> steer;
    std::vector<Bytes> seen;  // by the wire, of what the host sent

private:
    std::deque<std::function<void()>> work_;
    Instant now_{1'000'000'000};
    unsigned turn_ = 0;
};

TEST_P(Shards, ConnectionsBeginWhereTheirSynArrives) {
    std::vector<net::tcp::Listener*> listeners;
    for (const auto& shard : shards) listeners.push_back(shard->stack.tcp().listen({net::any_v4(), 80}, 16, {}, &events).value());
    steer = [this](const Bytes&) { return GetParam() - 1; };
    net::tcp::Connection* const client = peer.stack.tcp().connect({}, {host4, 80}, {}, &events).value();
    run_for(Duration::milliseconds(100));
    net::tcp::Connection* const server = listeners.back()->accept();
    ASSERT_NE(server, nullptr);
    // From here on its packets come to all of them.
    scatter();
    const Bytes bytes = data(200'000);
    EXPECT_EQ(transfer(*client, *server, bytes), bytes);
    EXPECT_EQ(transfer(*server, *client, bytes), bytes);
    server->close();
    client->close();
    run_for(Duration::seconds(1));
    EXPECT_EQ(last().stack.tcp().connections(), 0U);
}

TEST_P(Shards, AnswersFindWhoConnected) {
    net::tcp::Listener* const listener = peer.stack.tcp().listen({net::any_v4(), 80}, 16, {}, &events).value();
    scatter();
    for (const auto& shard : shards) {
        net::tcp::Connection* const client = shard->stack.tcp().connect({}, {peer4, 80}, {}, &events).value();
        EXPECT_EQ(client->key.local.port % GetParam(), shard->stack.shard().index);
        run_for(Duration::milliseconds(200));
        net::tcp::Connection* const server = listener->accept();
        ASSERT_NE(server, nullptr);
        const Bytes bytes = data(100'000);
        EXPECT_EQ(transfer(*server, *client, bytes), bytes);
        // A reset finds it, too.
        server->abort();
        run_for(Duration::milliseconds(200));
        EXPECT_EQ(client->take_error(), ECONNRESET);
        client->close();
    }
}

TEST_P(Shards, StraysAreRefusedOnce) {
    scatter();
    net::tcp::Connection* const client = peer.stack.tcp().connect({}, {host4, 81}, {}, &events).value();
    seen.clear();
    run_for(Duration::milliseconds(200));
    EXPECT_EQ(client->take_error(), ECONNREFUSED);
    EXPECT_EQ(seen_of(net::Protocol::Tcp), 1U);
    client->close();

    net::UdpSocket socket{peer.stack.udp(), events};
    ASSERT_TRUE(socket.connect({host4, port_of_last()}).ok());
    const Bytes bytes = data(10);
    Source source{bytes};
    seen.clear();
    ASSERT_TRUE(socket.send(source, bytes.size(), nullptr).ok());
    run_for(Duration::milliseconds(200));
    EXPECT_EQ(socket.take_error(), ECONNREFUSED);
    EXPECT_EQ(seen_of(net::Protocol::Icmp), 1U);
}

TEST_P(Shards, DatagramsGoToTheOwnerOfTheirPort) {
    net::UdpSocket here{last().stack.udp(), events}, there{peer.stack.udp(), events};
    ASSERT_TRUE(here.bind({net::any_v4(), port_of_last()}).ok());
    scatter();
    const net::Endpoint to{host4, port_of_last()};
    // Also those in fragments, each of which comes to another shard.
    for (const size_t size : {size_t{10}, size_t{1400}, size_t{9000}, size_t{40'000}}) {
        const Bytes bytes = data(size);
        Source source{bytes};
        ASSERT_TRUE(there.send(source, size, &to).ok());
        run_for(Duration::milliseconds(100));
        net::Datagram datagram;
        const net::Packet packet = here.receive(datagram);
        ASSERT_TRUE(packet) << size;
        EXPECT_EQ(bytes_of(packet), bytes);
        EXPECT_EQ(datagram.source.address, peer4);
        EXPECT_FALSE(here.readable());
    }
    // A socket that took a port of the loopback's other end is found there as well.
    net::UdpSocket local{first().stack.udp(), events};
    const net::Endpoint self{net::Ipv4Address::of(127, 0, 0, 1), port_of_last()};
    const Bytes bytes = data(100);
    Source source{bytes};
    ASSERT_TRUE(local.send(source, bytes.size(), &self).ok());
    run_for(Duration::milliseconds(20));
    net::Datagram datagram;
    EXPECT_TRUE(here.receive(datagram));
    EXPECT_EQ(datagram.destination, self);
}

TEST_P(Shards, EachFindsItsNeighbours) {
    scatter();
    for (const auto& shard : shards) {
        for (const net::IpAddress& to : {peer4, peer6}) {
            net::UdpSocket socket{shard->stack.udp(), events};
            const net::Endpoint end{to, 9};
            const Bytes bytes = data(1);
            Source source{bytes};
            ASSERT_TRUE(socket.send(source, 1, &end).ok());
            run_for(Duration::milliseconds(200));
            EXPECT_EQ(shard->interface->neighbours().pending(), 0U);
            ASSERT_NE(shard->interface->neighbours().find(to), nullptr);
        }
    }
}

TEST_P(Shards, EchoesAreAnsweredOnce) {
    scatter();
    for (const auto& [from, to] : {std::pair{peer4, host4}, std::pair{peer6, host6}}) {
        net::Packet message = net::Packet::allocate(peer.memory.pool);
        const bool v4 = from.is_v4();
        auto& icmp = *reinterpret_cast<net::IcmpHeader*>(message.push_front(sizeof(net::IcmpHeader)));
        icmp = {v4 ? net::icmp4::echo : net::icmp6::echo, 0, 0, 7};
        const net::Path path = peer.stack.ip().find_path(to).value();
        run_for(Duration::milliseconds(100));
        seen.clear();
        ASSERT_TRUE(peer.stack.ip().send_icmp(path, path.source, to, std::move(message)).ok());
        run_for(Duration::milliseconds(100));
        size_t answers = 0;
        for (const Bytes& frame : seen) answers += v4 ? frame[23] == 1 && frame[34] == 0 : frame[20] == 58 && frame[54] == 129;
        EXPECT_EQ(answers, 1U);
    }
}

TEST_P(Shards, GroupsAreOfAllAndReportedOnce) {
    const net::IpAddress group = net::Ipv4Address::of(239, 1, 2, 3);
    net::UdpSocket member{last().stack.udp(), events};
    ASSERT_TRUE(member.bind({net::any_v4(), port_of_last()}).ok());
    seen.clear();
    ASSERT_TRUE(member.join(group, *last().interface).ok());
    run_for(Duration::milliseconds(40));
    EXPECT_EQ(seen_of(net::Protocol::Igmp), 1U);
    for (const auto& shard : shards) EXPECT_TRUE(shard->interface->in_group(group));
    scatter();
    net::UdpSocket sender{peer.stack.udp(), events};
    const net::Endpoint to{group, port_of_last()};
    for (uint32_t i = 0; i < GetParam(); ++i) {
        const Bytes bytes = data(5);
        Source source{bytes};
        ASSERT_TRUE(sender.send(source, bytes.size(), &to).ok());
        run_for(Duration::milliseconds(20));
    }
    EXPECT_EQ(member.queued(), GetParam());
    member.close();
    run_for(Duration::milliseconds(20));
    for (const auto& shard : shards) EXPECT_FALSE(shard->interface->in_group(group));
}

TEST_P(Shards, WhatTheFirstDecidesHoldsForAll) {
    const net::IpAddress more = net::Ipv4Address::of(192, 168, 7, 1), far = net::Ipv4Address::of(8, 8, 8, 8);
    ASSERT_TRUE(first().interface->add_address(more, 16).ok());
    ASSERT_TRUE(first().stack.ip().routes().add({.prefix = net::any_v4(), .length = net::v4_prefix_base, .gateway = peer4, .interface = first().interface}).ok());
    first().stack.ip().changed();
    ASSERT_TRUE(first().interface->set_mtu(1000).ok());
    run_for(Duration::milliseconds(20));
    for (const auto& shard : shards) {
        EXPECT_TRUE(shard->stack.is_local(more));
        const auto path = shard->stack.ip().find_path(far);
        ASSERT_TRUE(path.ok());
        EXPECT_EQ(path.value().interface, shard->interface);
        EXPECT_EQ(path.value().next_hop, peer4);
        EXPECT_EQ(path.value().mtu, 1000);
    }
    first().interface->set_link(false);
    run_for(Duration::milliseconds(20));
    for (const auto& shard : shards) EXPECT_FALSE(shard->interface->up());
}

INSTANTIATE_TEST_SUITE_P(Counts, Shards, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace eremite::test
