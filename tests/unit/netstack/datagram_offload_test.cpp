// Datagrams that a device cuts into fragments or into several datagrams, and those that it joined.
#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/netstack/network.hpp"

namespace eremite::test {
namespace {

using net::Datagram;
using net::Endpoint;
using net::IpAddress;
using net::Offload;
using net::Segmentation;

constexpr net::Capabilities able{.transmit_checksum = true, .receive_checksum = true, .udp_segmentation = 60'000, .udp_fragmentation = true};

// Two hosts with such devices, a socket on each, and what went over the wire.
class DatagramOffload : public testing::TestWithParam<bool> {
protected:
    explicit DatagramOffload(const net::Capabilities& of_a = able) : network{{}, {.capabilities = of_a}, {.capabilities = able}} {
        EXPECT_TRUE(receiver.bind({GetParam() ? IpAddress{} : net::any_v4(), 53}).ok());
        Source nothing{{}};
        EXPECT_TRUE(sender.send(nothing, 0, &to).ok());  // so that neighbours know each other
        network.settle();
        (void)receive();
        const auto transmit = network.a.device.sent;
        network.a.device.sent = [this, transmit](Bytes frame, const Offload& offload) {
            wire.emplace_back(frame, offload);
            transmit(std::move(frame), offload);
        };
    }
    [[nodiscard]] size_t headers() const { return GetParam() ? 40 : 20; }
    Result<void> send(const Bytes& data) {
        Source source{data};
        const auto sent = sender.send(source, data.size(), &to);
        network.settle();
        return sent;
    }
    std::optional<Bytes> receive() {
        const net::Packet packet = receiver.receive(last);
        return packet ? std::optional{bytes_of(packet)} : std::nullopt;
    }
    static Bytes data_of(size_t size) {
        Bytes data(size);
        for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(i * 7 + i / 256);
        return data;
    }

    Network network;
    Endpoint to{GetParam() ? network.b6 : network.b4, 53};
    Events events;
    net::UdpSocket sender{network.a.stack.udp(), events}, receiver{network.b.stack.udp(), events};
    Datagram last{};
    std::vector<std::pair<Bytes, Offload>> wire;
};

TEST_P(DatagramOffload, ALongOneIsOnePacket) {
    const Bytes data = data_of(9000);
    ASSERT_TRUE(send(data).ok());
    ASSERT_EQ(wire.size(), 1U);
    const auto& [frame, offload] = wire[0];
    EXPECT_EQ(frame.size(), 14 + headers() + 8 + 9000);
    EXPECT_EQ(offload.segmentation, Segmentation::Fragments);
    EXPECT_EQ(offload.segment_size, GetParam() ? 1448 : 1480);
    EXPECT_EQ(offload.checksum, net::ChecksumState::Partial);
    EXPECT_EQ(offload.checksum_start, 14 + headers());
    EXPECT_EQ(offload.header_length, 14 + headers() + 8);
    EXPECT_EQ(receive(), data);
}

TEST_P(DatagramOffload, WhatFitsIsLeftAlone) {
    ASSERT_TRUE(send(data_of(1500 - headers() - 8)).ok());
    ASSERT_EQ(wire.size(), 1U);
    EXPECT_EQ(wire[0].second.segmentation, Segmentation::None);
}

TEST_P(DatagramOffload, TheLongestOne) {
    const Bytes data = data_of(65535 - 8 - (GetParam() ? 0 : 20));
    ASSERT_TRUE(send(data).ok());
    EXPECT_EQ(wire.size(), 1U);
    EXPECT_EQ(receive(), data);
}

TEST_P(DatagramOffload, NotIfItShallNotBeCut) {
    sender.options.dont_fragment = true;
    EXPECT_EQ(send(data_of(9000)).code(), EMSGSIZE);
}

TEST_P(DatagramOffload, CutIntoDatagrams) {
    sender.options.segment = 500;
    const Bytes data = data_of(1900);
    ASSERT_TRUE(send(data).ok());
    ASSERT_EQ(wire.size(), 1U);
    EXPECT_EQ(wire[0].second.segmentation, Segmentation::Udp);
    EXPECT_EQ(wire[0].second.segment_size, 500);
    for (size_t at = 0; at < data.size(); at += 500) {
        EXPECT_EQ(receive(), Bytes(data.begin() + static_cast<int>(at), data.begin() + static_cast<int>(std::min(at + 500, data.size()))));
        EXPECT_EQ(last.segment, 0);
        EXPECT_EQ(last.source.port, sender.local().port);
    }
    EXPECT_EQ(receive(), std::nullopt);
}

TEST_P(DatagramOffload, JoinedForWhoTakesThat) {
    sender.options.segment = 500;
    receiver.options.joined = true;
    const Bytes data = data_of(1900);
    ASSERT_TRUE(send(data).ok());
    EXPECT_EQ(receive(), data);
    EXPECT_EQ(last.segment, 500);
    ASSERT_TRUE(send(data_of(500)).ok());
    EXPECT_EQ(receive(), data_of(500));
    EXPECT_EQ(last.segment, 0);
}

TEST_P(DatagramOffload, NotMoreThanADeviceCuts) {
    sender.options.segment = 500;
    EXPECT_EQ(send(data_of(60'001)).code(), EMSGSIZE);
    EXPECT_TRUE(send(data_of(60'000)).ok());
}

TEST_P(DatagramOffload, ManySmallOnesDoNotFillMoreThanTheQueue) {
    sender.options.segment = 1;
    ASSERT_TRUE(send(data_of(60'000)).ok());
    EXPECT_LE(receiver.queued_bytes(), receiver.options.receive_limit);
    EXPECT_GT(network.b.stack.drops(net::Drop::QueueFull), 0U);
    while (receive()) {
    }
    EXPECT_TRUE(send({1, 2}).ok());
    EXPECT_EQ(receive(), (Bytes{1}));
}

INSTANTIATE_TEST_SUITE_P(Families, DatagramOffload, testing::Bool(), [](const auto& info) { return info.param ? "V6" : "V4"; });

constexpr net::Capabilities few_pieces = [] {
    net::Capabilities c = able;
    c.most_fragments = 1;
    return c;
}();

class FewPieces : public DatagramOffload {
protected:
    FewPieces() : DatagramOffload{few_pieces} {}
};

TEST_P(FewPieces, MoreThanADeviceTakesAreCutHere) {
    const Bytes data = data_of(40'000);
    ASSERT_TRUE(send(data).ok());
    EXPECT_GT(wire.size(), 20U);
    EXPECT_EQ(receive(), data);
}

INSTANTIATE_TEST_SUITE_P(Families, FewPieces, testing::Bool(), [](const auto& info) { return info.param ? "V6" : "V4"; });

TEST(DatagramsOnTheLoopback, AreCutWhereTheyArrive) {
    Network network;
    Events events;
    net::UdpSocket sender{network.a.stack.udp(), events}, receiver{network.a.stack.udp(), events};
    ASSERT_TRUE(receiver.bind({net::any_v4(), 53}).ok());
    sender.options.segment = 400;
    const Bytes data(1000, 1);
    Source source{data};
    const Endpoint to{network.a4, 53};
    ASSERT_TRUE(sender.send(source, data.size(), &to).ok());
    network.settle();
    EXPECT_EQ(receiver.queued(), 3U);
}

}  // namespace
}  // namespace eremite::test
