// A network device that goes on from a snapshot, with a network that is another one.
#include <gtest/gtest.h>

#include "tests/unit/vmm_core/guest.hpp"
#include "tests/unit/vmm_net/driver.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

using virtio::Segment;
using vmm::net::header_size;

constexpr uint16_t receive_queue = 0, send_queue = 1, control_queue = 4;
constexpr uint64_t several = feature_bit(VIRTIO_NET_F_MQ) | feature_bit(VIRTIO_NET_F_CTRL_VQ);

struct NetSnapshot : ::testing::Test {
    Guest guest;
    FakeBackend* network = nullptr;
    bool refuses = false;  // the next network, to be used

    void attach(size_t pairs) {
        pairs_ = pairs;
        guest.attach(maker(), false);
    }
    void restore(std::span<const std::byte> state) { guest.restore(state, maker()); }
    FakeChannel& channel(size_t pair = 0) { return network->channel(pair); }
    void send(uint8_t seed) {
        const Segment frame = guest.heap.segment(header_size + 60);
        const Bytes bytes = pattern(60, seed);
        std::memcpy(guest.heap.bytes(frame).data() + header_size, bytes.data(), bytes.size());
        guest.send(send_queue, {&frame, 1}, {});
    }
    uint8_t use_pairs(uint8_t count) {
        const Segment command = guest.heap.segment(4), answer = guest.heap.segment(1);
        guest.heap.put(command, std::array<uint8_t, 4>{VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, count, 0});
        (void)guest.call(control_queue, {&command, 1}, {&answer, 1});
        return static_cast<uint8_t>(guest.heap.text(answer)[0]);
    }
    std::vector<Bytes> sent() {
        std::vector<Bytes> frames;
        for (const Frame& frame : channel().sent) frames.push_back(frame.bytes);
        return frames;
    }
    size_t answered(uint16_t queue) {
        size_t count = 0;
        while (guest.queue(queue)->take()) ++count;
        return count;
    }

private:
    std::function<std::unique_ptr<vmm::virtio::Device>(const vmm::GuestMemory&, vmm::virtio::Host&)> maker() {
        return [this](const vmm::GuestMemory&, vmm::virtio::Host& host) {
            auto made = std::make_unique<FakeBackend>(pairs_, 0);
            made->refuses = refuses;
            network = made.get();
            return std::make_unique<vmm::net::NetDevice>(host, std::move(made), vmm::net::Settings{});
        };
    }
    size_t pairs_ = 1;
};

TEST_F(NetSnapshot, FramesThatWaitedAreSentOnce) {
    attach(1);
    guest.bring_up(0, 2);
    channel().room = 2;
    for (uint8_t i = 1; i <= 4; ++i) send(i);
    guest.settle();
    EXPECT_EQ(sent(), (std::vector<Bytes>{pattern(60, 1), pattern(60, 2)}));
    send(5);
    restore(guest.save());
    guest.settle();
    EXPECT_EQ(sent(), (std::vector<Bytes>{pattern(60, 3), pattern(60, 4), pattern(60, 5)}));
    EXPECT_EQ(answered(send_queue), 5U);
}

TEST_F(NetSnapshot, BuffersThatWereTakenAreThereAgain) {
    attach(1);
    guest.bring_up(feature_bit(VIRTIO_NET_F_MRG_RXBUF), 2);
    const std::array rooms{guest.heap.segment(2048), guest.heap.segment(2048), guest.heap.segment(2048)};
    for (const Segment& room : rooms) guest.send(receive_queue, {}, {&room, 1});
    guest.settle();
    channel().incoming.push_back({{}, pattern(60, 1)});
    channel().listener->readable();
    ASSERT_EQ(answered(receive_queue), 1U);
    restore(guest.save());
    channel().incoming.push_back({{}, pattern(60, 2)});
    channel().incoming.push_back({{}, pattern(60, 3)});
    guest.settle();
    for (size_t i = 1; i < rooms.size(); ++i) {
        EXPECT_EQ(guest.wait(receive_queue).written, header_size + 60);
        const Bytes wanted = pattern(60, static_cast<uint8_t>(i + 1));
        EXPECT_EQ(std::memcmp(guest.heap.bytes(rooms[i]).data() + header_size, wanted.data(), wanted.size()), 0) << i;
    }
    EXPECT_EQ(answered(receive_queue), 0U);
}

// The address and the network are others: the driver is told.
TEST_F(NetSnapshot, ConfigurationIsAnother) {
    attach(1);
    guest.bring_up(0, 2);
    const uint32_t generation = guest.get(VIRTIO_MMIO_CONFIG_GENERATION);
    restore(guest.save());
    EXPECT_NE(guest.get(VIRTIO_MMIO_CONFIG_GENERATION), generation);
    EXPECT_NE(guest.get(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG, 0U);
}

TEST_F(NetSnapshot, PairsInUse) {
    attach(2);
    guest.bring_up(several, 5);
    ASSERT_EQ(use_pairs(2), VIRTIO_NET_OK);
    const auto state = guest.save();
    restore(state);
    EXPECT_EQ(network->used, 2U);
    EXPECT_EQ(use_pairs(1), VIRTIO_NET_OK) << "the control queue goes on";
    EXPECT_EQ(network->used, 1U);
    refuses = true;
    EXPECT_THROW(restore(state), vmm::Error);
}

// Without several pairs, what would be the second one's is the control queue.
TEST_F(NetSnapshot, MorePairsThanWereAgreedOn) {
    attach(2);
    guest.bring_up(feature_bit(VIRTIO_NET_F_CTRL_VQ), 3);
    auto state = guest.save();
    const uint64_t pairs = 2;
    std::memcpy(state.data() + state.size() - sizeof pairs, &pairs, sizeof pairs);
    EXPECT_THROW(restore(state), vmm::Error);
}

TEST_F(NetSnapshot, AnotherNumberOfPairs) {
    attach(2);
    guest.bring_up(several, 5);
    const auto state = guest.save();
    Guest other;
    EXPECT_THROW(other.restore(state,
                               [](const vmm::GuestMemory&, vmm::virtio::Host& host) {
                                   return std::make_unique<vmm::net::NetDevice>(host, std::make_unique<FakeBackend>(1, 0), vmm::net::Settings{});
                               }),
                 vmm::Error);
}

}  // namespace
}  // namespace eremite::test
