// Frames of the driver's.
#include <gtest/gtest.h>

#include "tests/unit/vmm_net/driver.hpp"
#include "vmm/net/outcome.hpp"

namespace eremite::test {
namespace {

struct Sending {
    explicit Sending(uint64_t features, const Options& options = {}) : machine{options}, network{machine.make_device(1, vmm::net::send_offloads)} {
        machine.start(features);
        machine.settle();
    }
    FakeChannel& channel() { return network.channel(0); }
    BothSides& queue() { return machine.send_queue(); }
    size_t take() {
        size_t count = 0;
        while (queue().driver->take()) ++count;
        return count;
    }
    Machine machine;
    FakeBackend& network;
};

class Send : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Rings, Send, testing::Bool(), [](const auto& info) { return info.param ? "EventIndex" : "Flags"; });

TEST_P(Send, ABatchTakesOneInterrupt) {
    Sending s{0, {.event_index = GetParam()}};
    for (uint8_t i = 0; i < 50; ++i) s.machine.add_frame(0, {{}, pattern(60U + i, i)});
    s.machine.kick(s.queue());
    s.machine.settle();
    ASSERT_EQ(s.channel().sent.size(), 50U);
    for (uint8_t i = 0; i < 50; ++i) EXPECT_EQ(s.channel().sent[i].bytes, pattern(60U + i, i));
    EXPECT_EQ(s.queue().interrupts, 1U);
    EXPECT_EQ(s.take(), 50U);
}

TEST_P(Send, AFullChannelKeepsTheOrder) {
    Sending s{0, {.event_index = GetParam()}};
    s.channel().room = 3;
    for (uint8_t i = 0; i < 10; ++i) s.machine.add_frame(0, {{}, pattern(60, i)});
    s.machine.kick(s.queue());
    s.machine.settle();
    EXPECT_EQ(s.channel().sent.size(), 3U);
    EXPECT_TRUE(s.channel().wants_room);
    EXPECT_EQ(s.take(), 3U);
    s.channel().room = 10;
    s.machine.settle();
    ASSERT_EQ(s.channel().sent.size(), 10U);
    for (uint8_t i = 0; i < 10; ++i) EXPECT_EQ(s.channel().sent[i].bytes, pattern(60, i));
    EXPECT_FALSE(s.channel().wants_room);
    // And it hears of new ones.
    s.channel().room = 11;
    s.machine.add_frame(0, {{}, pattern(60, 10)});
    s.machine.kick(s.queue());
    s.machine.settle();
    EXPECT_EQ(s.channel().sent.size(), 11U);
}

TEST(SendPieces, HeadersMayBeAnywhere) {
    for (const size_t piece : {1, 5, 11, 12, 13, 40}) {
        Sending s{vmm::net::send_offloads};
        Frame frame{{}, pattern(100)};
        frame.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        frame.header.csum_start = 34;
        frame.header.csum_offset = 16;
        s.machine.add_frame(0, frame, piece);
        s.machine.kick(s.queue());
        s.machine.settle();
        ASSERT_EQ(s.channel().sent.size(), 1U) << piece;
        EXPECT_EQ(s.channel().sent[0].bytes, frame.bytes) << piece;
        EXPECT_EQ(s.channel().sent[0].header.csum_start, 34) << piece;
    }
}

TEST(SendPieces, IndirectTables) {
    Sending s{0, {.indirect_segments = 32}};
    s.machine.add_frame(0, {{}, pattern(1514)}, 100);
    s.machine.kick(s.queue());
    s.machine.settle();
    ASSERT_EQ(s.channel().sent.size(), 1U);
    EXPECT_EQ(s.channel().sent[0].bytes, pattern(1514));
}

TEST(SendHostile, WhatMakesNoSenseIsLostAndTheRestGoesOn) {
    Sending s{bit(VIRTIO_NET_F_CSUM)};
    Frame checksum_outside{{}, pattern(60)}, segments_unasked{{}, pattern(3000)};
    checksum_outside.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    checksum_outside.header.csum_start = 59;
    segments_unasked.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    segments_unasked.header.gso_size = 1000;
    s.machine.add_frame(0, checksum_outside);
    s.machine.add_frame(0, segments_unasked);
    s.machine.add_frame(0, {{}, {}});
    s.machine.add_frame(0, {{}, pattern(13)});
    s.machine.add_frame(0, {{}, pattern(vmm::net::longest_frame + 1)});
    const virtio::Segment short_header[] = {{PhysicalAddress{s.machine.allocate(11)}, 11}};
    ASSERT_TRUE(s.queue().driver->add(short_header, {}, &s).ok());
    const virtio::Segment writable[] = {{PhysicalAddress{s.machine.allocate(100)}, 100}};
    ASSERT_TRUE(s.queue().driver->add({}, writable, &s).ok());
    s.machine.add_frame(0, {{}, pattern(60, 9)});
    s.machine.kick(s.queue());
    s.machine.settle();
    ASSERT_EQ(s.channel().sent.size(), 1U);
    EXPECT_EQ(s.channel().sent[0].bytes, pattern(60, 9));
    EXPECT_EQ(s.take(), 8U);
    EXPECT_EQ(s.machine.broken, 0U);
}

TEST(SendHostile, AddressesThatAreNoMemoryBreakTheQueue) {
    Sending s{0};
    s.machine.add_frame(0, {{}, pattern(60)});
    const virtio::Segment nowhere[] = {{PhysicalAddress{~uint64_t{0} - 10}, 2048}};
    ASSERT_TRUE(s.queue().driver->add(nowhere, {}, &s).ok());
    s.machine.add_frame(0, {{}, pattern(60)});
    s.machine.kick(s.queue());
    s.machine.settle();
    EXPECT_EQ(s.machine.broken, 1U);
    EXPECT_EQ(s.channel().sent.size(), 1U);
    EXPECT_EQ(s.take(), 1U);
}

TEST(SendBatch, ManyFramesTakeSeveralTurns) {
    Sending s{0, {.queue_size = 1024}};
    for (size_t i = 0; i < 600; ++i) s.machine.add_frame(0, {{}, pattern(60, static_cast<uint8_t>(i))});
    s.machine.kick(s.queue());
    EXPECT_EQ(s.channel().sent.size(), vmm::net::most_at_once);
    s.machine.settle();
    EXPECT_EQ(s.channel().sent.size(), 600U);
    EXPECT_EQ(s.take(), 600U);
}

TEST(SendReset, NothingIsSentAnyMore) {
    Sending s{0};
    s.channel().room = 1;
    for (uint8_t i = 0; i < 3; ++i) s.machine.add_frame(0, {{}, pattern(60, i)});
    s.machine.kick(s.queue());
    EXPECT_EQ(s.channel().sent.size(), 1U);
    s.machine.stop();
    s.channel().room = 10;
    EXPECT_FALSE(s.channel().wants_room);
    {
        // One that was under way.
        const std::lock_guard guard{s.machine.lock()};
        s.channel().listener->writable();
        s.machine.device().notified(1);
    }
    EXPECT_EQ(s.channel().sent.size(), 1U);
    s.machine.start(0);
    s.machine.add_frame(0, {{}, pattern(60, 7)});
    s.machine.kick(s.queue());
    s.machine.settle();
    ASSERT_EQ(s.channel().sent.size(), 2U);
    EXPECT_EQ(s.channel().sent[1].bytes, pattern(60, 7));
}

}  // namespace
}  // namespace eremite::test
