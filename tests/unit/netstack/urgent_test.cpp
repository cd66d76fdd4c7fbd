// Urgent data in a long stream: what is told of it, and that the stream is whole without it.
#include <gtest/gtest.h>

#include "netstack/wire/tcp.hpp"
#include "tests/unit/netstack/tcp_pair.hpp"

namespace eremite::test {
namespace {

TEST(Urgent, InlineInALongStreamOverABadLink) {
    for (const unsigned loss : {0U, 30U}) {
        net::Capabilities device;
        device.transmit_checksum = device.receive_checksum = true;
        device.tcp4_segmentation = device.tcp6_segmentation = 65000;
        Network network{{.loss = loss, .seed = 7}, {.capabilities = device}, {.capabilities = device}};
        TcpPair pair{network, false, {.urgent_inline = true}};
        ASSERT_NE(pair.server, nullptr);
        uint64_t marked = 0;
        network.filter = [&](Bytes& frame, bool from_a) {
            constexpr size_t tcp = 14 + 20;
            if (from_a && frame.size() > tcp + 20 && (frame[tcp + 13] & net::TcpHeader::urg) != 0 && frame[12] == 8 && frame[13] == 0) {
                ++marked;
                EXPECT_LE(frame.size(), 14u + 1500) << "a device would copy the mark into all that it cuts";
            }
            return true;
        };
        // Each piece is urgent at its end; reads end at marks.
        constexpr size_t size = 1'000'000, piece = 50'000;
        size_t sent = 0, received = 0, marks = 0;
        bool wrong = false;
        EXPECT_TRUE(network.run([&] {
            while (sent < size) {
                Bytes data(piece - sent % piece);
                for (size_t i = 0; i < data.size(); ++i) data[i] = pattern(sent + i);
                Source source{data};
                const auto written = pair.client->send(source, data.size(), false, true);
                if (!written.ok()) break;
                sent += written.value();
            }
            for (;;) {
                Sink sink;
                const auto read = pair.server->receive(sink, SIZE_MAX);
                if (!read.ok()) break;
                for (const uint8_t byte : sink.bytes) wrong |= byte != pattern(received++);
                marks += pair.server->at_mark();
            }
            return received >= size;
        }, Duration::seconds(600)));
        EXPECT_EQ(received, size);
        EXPECT_FALSE(wrong);
        EXPECT_GT(marked, 0u);
        EXPECT_GT(marks, 0u);
    }
}

TEST(Urgent, AnnouncedBeforeItComes) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    uint8_t byte = 0;
    EXPECT_EQ(pair.server->receive_urgent(byte, false).code(), EINVAL);
    // The first part goes, and says where the mark will be; the byte itself is lost at first.
    bool lose = true;
    network.filter = [&](Bytes& frame, bool from_a) { return !from_a || frame.size() < 100 || frame.back() != '!' || !std::exchange(lose, false); };
    Bytes data(3000, '.');
    data.back() = '!';
    Source source{data};
    ASSERT_EQ(pair.client->send(source, data.size(), false, true).value(), data.size());
    EXPECT_TRUE(network.run([&] { return pair.server->readable_bytes() >= 1400; }));
    EXPECT_EQ(pair.server->receive_urgent(byte, false).code(), EAGAIN);
    EXPECT_FALSE(pair.server->urgent_here());
    EXPECT_TRUE(network.run([&] { return pair.server->urgent_here(); }));
    EXPECT_EQ(pair.server->readable_bytes(), 2999u);
    EXPECT_EQ(pair.server->receive_urgent(byte, true).value(), 1u);
    EXPECT_EQ(byte, '!');
    EXPECT_EQ(pair.server->receive_urgent(byte, false).value(), 1u);
    EXPECT_EQ(pair.server->receive_urgent(byte, false).code(), EINVAL);
    Sink sink;
    EXPECT_EQ(pair.server->receive(sink, SIZE_MAX).value(), 2999u);
    EXPECT_TRUE(pair.server->at_mark());
    EXPECT_FALSE(pair.server->readable());
}

}  // namespace
}  // namespace eremite::test
