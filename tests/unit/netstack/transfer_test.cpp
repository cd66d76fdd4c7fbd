// Streams over bad links: every byte arrives once and in order, and in reasonable time.
#include <gtest/gtest.h>

#include "tests/unit/netstack/tcp_pair.hpp"

namespace eremite::test {
namespace {

constexpr uint64_t mebibyte = 1 << 20;

HostOptions with_segmentation(uint32_t most) {
    HostOptions options;
    options.capabilities.transmit_checksum = options.capabilities.receive_checksum = most > 0;
    options.capabilities.tcp4_segmentation = options.capabilities.tcp6_segmentation = most;
    return options;
}

double megabits(uint64_t bytes, Duration time) { return time.ns == 0 ? 0 : static_cast<double>(bytes) * 8000 / static_cast<double>(time.ns); }

TEST(Transfer, CleanLink) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    EXPECT_GT(pair.transfer(4 * mebibyte, 64 << 10).ns, 0);
    EXPECT_EQ(pair.client->info().counters.retransmissions, 0U);
    EXPECT_EQ(network.longest_frame, 1514U);
}

TEST(Transfer, SmallWrites) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    EXPECT_GT(pair.transfer(20'000, 1).ns, 0);
    EXPECT_GT(pair.transfer(20'000, 7, false).ns, 0);
    // Nagle: they go together.
    EXPECT_LT(network.frames, 2000U);
}

TEST(Transfer, LargeSegments) {
    Network network{{}, with_segmentation(65000), with_segmentation(65000)};
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    EXPECT_GT(pair.transfer(16 * mebibyte, 256 << 10).ns, 0);
    EXPECT_GT(network.longest_frame, 60'000U);
    EXPECT_EQ(pair.client->info().counters.retransmissions, 0U);
}

TEST(Transfer, OverIpv6) {
    Network network;
    TcpPair pair{network, true};
    ASSERT_NE(pair.server, nullptr);
    EXPECT_GT(pair.transfer(2 * mebibyte, 10'000).ns, 0);
    EXPECT_GT(pair.transfer(2 * mebibyte, 10'000, false).ns, 0);
}

struct Trouble {
    const char* name;
    LinkOptions link;
    uint64_t bytes;
    double least_megabits;
};

class BadLink : public testing::TestWithParam<Trouble> {};

TEST_P(BadLink, EveryByteArrives) {
    for (uint64_t seed = 1; seed <= 2; ++seed) {
        LinkOptions link = GetParam().link;
        link.seed = seed;
        for (const uint32_t most : {0U, 65000U}) {
            // What a device vouches for must not be wrong.
            if (most > 0 && link.corruption > 0) continue;
            Network network{link, with_segmentation(most), with_segmentation(most)};
            TcpPair pair{network};
            ASSERT_NE(pair.server, nullptr);
            const Duration there = pair.transfer(GetParam().bytes, 100'000);
            EXPECT_GT(megabits(GetParam().bytes, there), GetParam().least_megabits) << "seed " << seed << " segments " << most;
            const Duration back = pair.transfer(GetParam().bytes / 4, 3000, false);
            EXPECT_GT(back.ns, 0) << "seed " << seed;
            if (seed == 1) {
                const auto info = pair.client->info();
                printf("%-18s segments to %5u: %8.1f Mbit/s, %u repeated, %u timeouts, %u recoveries, %u probes, %u undone\n",
                       GetParam().name, most, megabits(GetParam().bytes, there), info.counters.retransmissions, info.counters.timeouts,
                       info.counters.recoveries, info.counters.tail_probes, info.counters.undone);
            }
        }
    }
}

constexpr Duration ms(int64_t n) { return Duration::milliseconds(n); }

INSTANTIATE_TEST_SUITE_P(
    Links, BadLink,
    testing::Values(Trouble{"loss1", {.delay = ms(1), .loss = 10}, 4 * mebibyte, 10},
                    Trouble{"loss5", {.delay = ms(1), .loss = 50}, 2 * mebibyte, 2},
                    Trouble{"loss10", {.delay = ms(1), .loss = 100}, mebibyte, 0.2},
                    Trouble{"delay50", {.delay = ms(50)}, 4 * mebibyte, 15},
                    Trouble{"delay50loss1", {.delay = ms(50), .loss = 10}, 2 * mebibyte, 0.5},
                    Trouble{"overtaking", {.delay = ms(1), .overtaking = 100, .bits_per_second = 1'000'000'000}, 8 * mebibyte, 150},
                    Trouble{"delay25", {.delay = ms(25), .bits_per_second = 1'000'000'000, .queue = 8000}, 16 * mebibyte, 100},
                    Trouble{"reordering", {.delay = ms(2), .jitter = ms(2)}, 4 * mebibyte, 10},
                    Trouble{"duplication", {.delay = ms(1), .duplication = 100}, 4 * mebibyte, 20},
                    Trouble{"corruption", {.delay = ms(1), .corruption = 20}, 2 * mebibyte, 1},
                    Trouble{"everything", {.delay = ms(5), .jitter = ms(3), .loss = 20, .duplication = 20, .corruption = 0}, mebibyte, 0.2},
                    Trouble{"slow", {.delay = ms(10), .bits_per_second = 10'000'000, .queue = 50}, 4 * mebibyte, 7}),
    [](const auto& info) { return info.param.name; });

// The receiver's window must not be what limits the sender, also where a lost answer to the SYN left it without a measured round trip.
TEST(Transfer, WindowGrowsWithTheRate) {
    for (const bool measured : {true, false}) {
        HostOptions options = with_segmentation(0);
        options.fragments = 32768;
        options.small_buffers = 16384;
        Network network{{.delay = ms(25), .bits_per_second = 1'000'000'000, .queue = 8000}, options, options};
        unsigned answers = 0;
        if (!measured) network.filter = [&](Bytes&, bool from_a) { return from_a || ++answers != 2; };  // the first is of ARP
        TcpPair pair{network};
        ASSERT_NE(pair.server, nullptr);
        EXPECT_EQ(pair.server->info().rtt.ns != 0, measured);
        const Duration time = pair.transfer(16 * mebibyte, 100'000);
        EXPECT_GT(megabits(16 * mebibyte, time), 100);
        EXPECT_GT(pair.server->info().receive_window, 1'000'000U);
    }
}

TEST(Transfer, MarksInsteadOfLosses) {
    HostOptions options;
    options.tcp.ecn = true;
    Network network{{.delay = ms(10), .bits_per_second = 10'000'000, .queue = 60, .mark = true}, options, options};
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    EXPECT_TRUE(pair.client->info().ecn);
    EXPECT_GT(megabits(2 * mebibyte, pair.transfer(2 * mebibyte, 100'000)), 7);
    EXPECT_GT(network.marked, 0U);
}

TEST(Transfer, ReaderThatSleeps) {
    Network network;
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    Bytes data(8 * mebibyte, 7);
    size_t sent = 0;
    const auto fill = [&] {
        for (;;) {
            if (sent == data.size()) return true;
            Source source{std::span{data}.subspan(sent)};
            const auto written = pair.client->send(source, data.size() - sent);
            if (!written.ok()) return false;
            sent += written.value();
        }
    };
    // Until nothing goes any more.
    network.run(fill, Duration::seconds(5));
    EXPECT_LT(sent, data.size());
    EXPECT_GE(pair.server->readable_bytes(), 100'000U);
    network.run_for(Duration::seconds(300));
    size_t received = 0;
    const bool done = network.run(
        [&] {
            (void)(sent < data.size() && fill());
            // All that is here: when nothing is left to be sent, nothing would wake it again.
            Sink sink;
            while (pair.server->receive(sink, 100'000).ok()) {}
            received += sink.bytes.size();
            return received == data.size();
        },
        Duration::seconds(300));
    EXPECT_TRUE(done) << received << " of " << sent;
}

}  // namespace
}  // namespace eremite::test
