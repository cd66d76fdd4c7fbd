// Frames for the driver: into one buffer, into several, and when there are none.
#include <gtest/gtest.h>

#include "tests/unit/vmm_net/driver.hpp"
#include "vmm/net/outcome.hpp"

namespace eremite::test {
namespace {

using vmm::net::header_size;
constexpr uint64_t merging = bit(VIRTIO_NET_F_MRG_RXBUF) | bit(VIRTIO_NET_F_GUEST_CSUM) | bit(VIRTIO_NET_F_GUEST_TSO4);

struct Receiving {
    explicit Receiving(uint64_t features, const Options& options = {})
        : machine{options}, network{machine.make_device(1, vmm::net::receive_offloads)} {
        machine.start(features);
        machine.settle();
    }
    FakeChannel& channel() { return network.channel(0); }
    Machine machine;
    FakeBackend& network;
};

class Receive : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Rings, Receive, testing::Bool(), [](const auto& info) { return info.param ? "EventIndex" : "Flags"; });

TEST_P(Receive, ABatchTakesOneInterrupt) {
    Receiving r{merging, {.event_index = GetParam()}};
    r.machine.give_buffers(0, 100, 2048);
    for (uint8_t i = 0; i < 50; ++i) r.channel().incoming.push_back({{}, pattern(60U + i, i)});
    r.machine.settle();
    EXPECT_EQ(r.machine.receive_queue().interrupts, 1U);
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 50U);
    for (uint8_t i = 0; i < 50; ++i) {
        EXPECT_EQ(frames[i].bytes, pattern(60U + i, i));
        EXPECT_EQ(frames[i].header.num_buffers, 1);
    }
}

TEST_P(Receive, InterruptsAreAsTheDriverWants) {
    Receiving r{merging, {.event_index = GetParam()}};
    r.machine.give_buffers(0, 100, 2048);
    r.machine.receive_queue().driver->disable_interrupts();
    for (uint8_t i = 0; i < 10; ++i) r.channel().incoming.push_back({{}, pattern(60, i)});
    r.machine.settle();
    EXPECT_EQ(r.machine.receive_queue().interrupts, 0U);
    EXPECT_EQ(r.machine.take_frames().size(), 10U);
    EXPECT_FALSE(r.machine.receive_queue().driver->enable_interrupts(1));
    r.channel().incoming.push_back({{}, pattern(60)});
    r.machine.settle();
    EXPECT_EQ(r.machine.receive_queue().interrupts, 1U);
}

TEST_P(Receive, WithoutBuffersNothingIsReadUntilThereAreSome) {
    Receiving r{merging, {.event_index = GetParam()}};
    r.machine.give_buffers(0, 2, 2048);
    for (uint8_t i = 0; i < 5; ++i) r.channel().incoming.push_back({{}, pattern(60, i)});
    r.machine.settle();
    EXPECT_EQ(r.channel().incoming.size(), 3U);
    EXPECT_FALSE(r.channel().wants_frames);
    EXPECT_EQ(r.machine.take_frames().size(), 2U);
    r.machine.give_buffers(0, 2, 2048);
    r.machine.settle();
    EXPECT_EQ(r.channel().incoming.size(), 1U);
    r.machine.give_buffers(0, 2, 2048);
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(frames[2].bytes, pattern(60, 4));
    // One buffer is left, so it waits for frames again.
    EXPECT_TRUE(r.channel().wants_frames);
}

TEST(ReceiveMerged, ALongFrameIsSpreadOverBuffersThatComeTogether) {
    Receiving r{merging};
    r.machine.give_buffers(0, 100, 2048);
    Frame frame{{}, pattern(65000)};
    frame.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    frame.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    frame.header.gso_size = 1448;
    r.channel().incoming.push_back(frame);
    r.channel().incoming.push_back({{}, pattern(100)});
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].bytes, frame.bytes);
    EXPECT_EQ(frames[0].header.num_buffers, (65000 + header_size + 2047) / 2048);
    EXPECT_EQ(frames[0].header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    EXPECT_EQ(frames[0].header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    EXPECT_EQ(frames[0].header.gso_size, 1448);
    EXPECT_EQ(frames[1].bytes, pattern(100));
    EXPECT_EQ(frames[1].header.num_buffers, 1);
}

TEST(ReceiveMerged, BuffersOfManyPiecesAndOfFewBytes) {
    Receiving r{merging};
    // The header itself does not fit into one.
    for (int i = 0; i < 40; ++i) r.machine.give_buffer(0, {1, 3, 1, 2});
    r.machine.kick(r.machine.receive_queue());
    r.channel().incoming.push_back({{}, pattern(90)});
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].bytes, pattern(90));
    EXPECT_EQ(r.machine.buffers_of_last_frame(), (90 + header_size + 6) / 7);
}

TEST(ReceiveMerged, TheRestOfAFrameWaitsForBuffers) {
    Receiving r{merging};
    r.machine.give_buffers(0, 3, 1000);
    r.channel().incoming.push_back({{}, pattern(5000, 1)});
    r.channel().incoming.push_back({{}, pattern(64, 2)});
    r.machine.settle();
    EXPECT_TRUE(r.machine.take_frames().empty());
    EXPECT_EQ(r.channel().incoming.size(), 1U);
    r.machine.give_buffers(0, 1, 1000);
    r.machine.settle();
    EXPECT_TRUE(r.machine.take_frames().empty());
    r.machine.give_buffers(0, 3, 1000);
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].bytes, pattern(5000, 1));
    EXPECT_EQ(frames[0].header.num_buffers, 6);
    EXPECT_EQ(frames[1].bytes, pattern(64, 2));
}

TEST(ReceiveMerged, AFrameThatCanNeverFitIsLost) {
    Receiving r{merging, {.queue_size = 4}};
    r.machine.give_buffers(0, 4, 100);
    r.channel().incoming.push_back({{}, pattern(5000, 1)});
    r.channel().incoming.push_back({{}, pattern(64, 2)});
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].bytes, pattern(64, 2));
}

TEST(ReceiveMerged, AFrameLongerThanAnyIsLost) {
    Receiving r{merging};
    r.machine.give_buffers(0, 100, 2048);
    r.channel().incoming.push_back({{}, pattern(vmm::net::longest_frame + 1, 1)});
    r.channel().incoming.push_back({{}, pattern(vmm::net::longest_frame, 2)});
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].bytes, pattern(vmm::net::longest_frame, 2));
}

TEST(ReceiveSingle, AFrameTakesOneBufferOrIsLost) {
    Receiving r{bit(VIRTIO_NET_F_GUEST_CSUM)};
    r.machine.give_buffers(0, 8, 1526);
    r.channel().incoming.push_back({{}, pattern(1515, 1)});
    r.channel().incoming.push_back({{}, pattern(1514, 2)});
    r.channel().incoming.push_back({{}, pattern(60, 3)});
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].bytes, pattern(1514, 2));
    EXPECT_EQ(frames[0].header.num_buffers, 1);
    EXPECT_EQ(frames[1].bytes, pattern(60, 3));
}

TEST(ReceiveSingle, WhoDidNotAskForChecksumsHearsNothingOfThem) {
    Receiving r{0};
    r.machine.give_buffers(0, 2, 1526);
    Frame frame{{}, pattern(60)};
    frame.header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    r.channel().incoming.push_back(frame);
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.flags, 0);
}

TEST(ReceiveHostile, BuffersWithoutRoomBreakTheQueue) {
    Receiving r{merging};
    const uint64_t address = r.machine.allocate(64);
    const virtio::Segment readable[] = {{PhysicalAddress{address}, 64}};
    ASSERT_TRUE(r.machine.receive_queue().driver->add(readable, {}, &r).ok());
    r.machine.kick(r.machine.receive_queue());
    r.channel().incoming.push_back({{}, pattern(60)});
    r.machine.settle();
    EXPECT_EQ(r.machine.broken, 1U);
    EXPECT_EQ(r.channel().incoming.size(), 1U);
    EXPECT_FALSE(r.channel().wants_frames);
}

TEST(ReceiveHostile, AddressesThatAreNoMemoryBreakTheQueue) {
    Receiving r{merging};
    const virtio::Segment nowhere[] = {{PhysicalAddress{uint64_t{1} << 40}, 2048}};
    ASSERT_TRUE(r.machine.receive_queue().driver->add({}, nowhere, &r).ok());
    r.machine.kick(r.machine.receive_queue());
    r.machine.settle();
    EXPECT_EQ(r.machine.broken, 1U);
}

TEST(ReceiveBatch, AnEndlessStreamLeavesTheThreadToOthers) {
    Receiving r{merging};
    r.machine.give_buffers(0, 256, 256);
    for (size_t i = 0; i < 200; ++i) r.channel().incoming.push_back({{}, pattern(60)});
    // Those that are lost count as well.
    for (size_t i = 0; i < 2 * vmm::net::most_at_once; ++i) r.channel().incoming.push_front({{}, pattern(vmm::net::longest_frame + 1)});
    const size_t before = r.channel().reads;
    {
        const std::lock_guard guard{r.machine.lock()};
        r.channel().listener->readable();
    }
    EXPECT_EQ(r.channel().reads - before, vmm::net::most_at_once);
    r.machine.settle();
    EXPECT_EQ(r.machine.take_frames().size(), 200U);
}

TEST(ReceiveReset, BuffersAreTheDriversAgain) {
    Receiving r{merging};
    r.machine.give_buffers(0, 10, 1000);
    r.channel().incoming.push_back({{}, pattern(64)});
    r.machine.settle();
    BothSides& queue = r.machine.receive_queue();
    // What was prepared for frames that did not come yet does not count as taken.
    EXPECT_EQ(queue.device->position().available, 10);
    r.machine.stop();
    EXPECT_EQ(queue.device->position().available, 1);
    EXPECT_EQ(queue.device->position().used, 1);
    r.channel().incoming.push_back({{}, pattern(64)});
    {
        // One that was under way.
        const std::lock_guard guard{r.machine.lock()};
        r.channel().listener->readable();
    }
    EXPECT_EQ(r.channel().incoming.size(), 1U);
    EXPECT_FALSE(r.channel().wants_frames);
}

TEST(ReceiveReset, TheRestOfAFrameIsForgotten) {
    Receiving r{merging};
    r.machine.give_buffers(0, 1, 1000);
    r.channel().incoming.push_back({{}, pattern(5000, 1)});
    r.machine.settle();
    r.machine.stop();
    r.machine.start(merging);
    r.machine.give_buffers(0, 10, 1000);
    r.channel().incoming.push_back({{}, pattern(70, 2)});
    r.machine.settle();
    const auto frames = r.machine.take_frames();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].bytes, pattern(70, 2));
}

}  // namespace
}  // namespace eremite::test
