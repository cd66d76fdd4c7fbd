// The device's features and configuration, several pairs of queues, and its network's end.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/unit/vmm_net/driver.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

using vmm::net::has;
constexpr uint64_t several = bit(VIRTIO_NET_F_MQ) | bit(VIRTIO_NET_F_CTRL_VQ) | bit(VIRTIO_NET_F_MRG_RXBUF);
constexpr uint8_t ok = VIRTIO_NET_OK, refused = VIRTIO_NET_ERR;

virtio_net_config configuration(const vmm::net::NetDevice& device) {
    virtio_net_config configuration{};
    device.read_configuration(0, std::as_writable_bytes(std::span{&configuration, 1}));
    return configuration;
}

Bytes set_pairs(uint16_t count) {
    return {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, static_cast<uint8_t>(count), static_cast<uint8_t>(count >> 8)};
}

TEST(NetDevice, OffersWhatItsNetworkHas) {
    Machine machine;
    machine.make_device(1, bit(VIRTIO_NET_F_GUEST_CSUM) | bit(VIRTIO_NET_F_STANDBY));
    const uint64_t features = machine.device().features();
    EXPECT_TRUE(has(features, VIRTIO_NET_F_MAC));
    EXPECT_TRUE(has(features, VIRTIO_NET_F_STATUS));
    EXPECT_TRUE(has(features, VIRTIO_NET_F_MRG_RXBUF));
    EXPECT_TRUE(has(features, VIRTIO_NET_F_GUEST_CSUM));
    EXPECT_FALSE(has(features, VIRTIO_NET_F_CSUM));
    EXPECT_FALSE(has(features, VIRTIO_NET_F_STANDBY));
    EXPECT_FALSE(has(features, VIRTIO_NET_F_MTU));
    EXPECT_FALSE(has(features, VIRTIO_NET_F_MQ));
    EXPECT_EQ(machine.device().queue_sizes().size(), 2U);
    EXPECT_EQ(configuration(machine.device()).status, VIRTIO_NET_S_LINK_UP);
}

TEST(NetDevice, AddressesAreGivenOrOtherEachTime) {
    Machine given, first, second;
    const vmm::net::MacAddress mac{0x52, 0x54, 0, 1, 2, 3};
    given.make_device(1, 0, {.mac = mac, .mtu = 9000});
    const auto c = configuration(given.device());
    EXPECT_EQ(std::memcmp(c.mac, mac.data(), mac.size()), 0);
    EXPECT_TRUE(has(given.device().features(), VIRTIO_NET_F_MTU));
    EXPECT_EQ(c.mtu, 9000);
    first.make_device(1, 0);
    second.make_device(1, 0);
    const auto a = configuration(first.device()), b = configuration(second.device());
    EXPECT_EQ(a.mac[0] & 3, 2);
    EXPECT_NE(std::memcmp(a.mac, b.mac, sizeof a.mac), 0);
}

TEST(NetDevice, RefusesSettingsThatCannotBe) {
    Machine machine;
    EXPECT_THROW(machine.make_device(1, 0, {.mtu = 67}), vmm::Error);
    EXPECT_THROW(machine.make_device(1, 0, {.mac = vmm::net::MacAddress{1, 0, 0, 0, 0, 0}}), vmm::Error);
}

TEST(NetDevice, TellsItsNetworkWhatTheDriverTakes) {
    Machine machine;
    FakeBackend& network = machine.make_device(1, vmm::net::receive_offloads);
    machine.start(bit(VIRTIO_NET_F_GUEST_CSUM) | bit(VIRTIO_NET_F_GUEST_TSO4));
    EXPECT_EQ(network.negotiated, bit(VIRTIO_NET_F_GUEST_CSUM) | bit(VIRTIO_NET_F_GUEST_TSO4));
    machine.stop();
    EXPECT_EQ(network.negotiated, 0U);
}

TEST(NetPairs, OneIsUsedUntilTheDriverWantsMore) {
    Machine machine;
    FakeBackend& network = machine.make_device(3, 0);
    EXPECT_EQ(configuration(machine.device()).max_virtqueue_pairs, 3);
    EXPECT_EQ(machine.device().queue_sizes().size(), 7U);
    machine.start(several);
    for (size_t pair = 0; pair < 3; ++pair) {
        machine.give_buffers(pair, 10, 2048);
        network.channel(pair).incoming.push_back({{}, pattern(60, static_cast<uint8_t>(pair))});
        machine.add_frame(pair, {{}, pattern(70, static_cast<uint8_t>(pair))});
        machine.kick(machine.send_queue(pair));
    }
    machine.settle();
    EXPECT_EQ(network.used, 1U);
    EXPECT_EQ(machine.take_frames(0).size(), 1U);
    EXPECT_EQ(machine.take_frames(1).size(), 0U);
    EXPECT_EQ(network.channel(1).sent.size(), 0U);

    EXPECT_EQ(machine.command(6, set_pairs(3)), ok);
    EXPECT_EQ(network.used, 3U);
    for (size_t pair = 1; pair < 3; ++pair) {
        const auto frames = machine.take_frames(pair);
        ASSERT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames[0].bytes, pattern(60, static_cast<uint8_t>(pair)));
        ASSERT_EQ(network.channel(pair).sent.size(), 1U);
        EXPECT_EQ(network.channel(pair).sent[0].bytes, pattern(70, static_cast<uint8_t>(pair)));
    }

    EXPECT_EQ(machine.command(6, set_pairs(2)), ok);
    EXPECT_EQ(network.used, 2U);
    EXPECT_FALSE(network.channel(2).wants_frames);
    EXPECT_TRUE(network.channel(1).wants_frames);
    // A reset begins with one again.
    machine.stop();
    machine.start(several);
    EXPECT_EQ(network.used, 1U);
}

TEST(NetPairs, CommandsThatMakeNoSenseAreRefused) {
    Machine machine;
    FakeBackend& network = machine.make_device(2, 0);
    machine.start(several);
    EXPECT_EQ(machine.command(4, set_pairs(0)), refused);
    EXPECT_EQ(machine.command(4, set_pairs(3)), refused);
    EXPECT_EQ(machine.command(4, set_pairs(0xffff)), refused);
    EXPECT_EQ(machine.command(4, {VIRTIO_NET_CTRL_MQ}), refused);
    EXPECT_EQ(machine.command(4, {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 2}), refused);
    EXPECT_EQ(machine.command(4, {VIRTIO_NET_CTRL_MQ, 9, 2, 0}), refused);
    EXPECT_EQ(machine.command(4, {VIRTIO_NET_CTRL_MAC, 0, 2, 0}), refused);
    network.refuses = true;
    EXPECT_EQ(machine.command(4, set_pairs(2)), refused);
    EXPECT_EQ(network.used, 1U);
    EXPECT_EQ(machine.broken, 0U);
}

TEST(NetPairs, WithoutAnswerNothingIsDone) {
    Machine machine;
    FakeBackend& network = machine.make_device(2, 0);
    machine.start(several);
    const Bytes message = set_pairs(2);
    const uint64_t text = machine.allocate(message.size());
    std::memcpy(machine.at(text, message.size()), message.data(), message.size());
    const virtio::Segment readable[] = {{PhysicalAddress{text}, 4}};
    ASSERT_TRUE(machine.queue(4).driver->add(readable, {}, &machine).ok());
    machine.kick(machine.queue(4));
    machine.settle();
    EXPECT_TRUE(machine.queue(4).driver->take());
    EXPECT_EQ(network.used, 1U);
}

TEST(NetPairs, WithoutSeveralPairsTheControlQueueIsTheThird) {
    Machine machine;
    FakeBackend& network = machine.make_device(2, 0);
    machine.start(bit(VIRTIO_NET_F_CTRL_VQ));
    EXPECT_EQ(machine.command(2, set_pairs(1)), ok);
    EXPECT_EQ(machine.command(2, set_pairs(2)), refused);
    EXPECT_EQ(network.used, 1U);
}

TEST(NetPairs, ABrokenControlQueueAsksForAReset) {
    Machine machine;
    machine.make_device(2, 0);
    machine.start(several);
    const virtio::Segment nowhere[] = {{PhysicalAddress{uint64_t{1} << 50}, 4}};
    ASSERT_TRUE(machine.queue(4).driver->add(nowhere, {}, &machine).ok());
    machine.kick(machine.queue(4));
    machine.settle();
    EXPECT_EQ(machine.broken, 1U);
}

TEST(NetLink, IsDownForGoodWhenItsNetworkIsGone) {
    Machine machine;
    FakeBackend& network = machine.make_device(1, 0);
    machine.start(bit(VIRTIO_NET_F_STATUS));
    machine.settle();
    {
        const std::lock_guard guard{machine.lock()};
        network.channel(0).listener->gone();
        network.channel(0).listener->gone();
    }
    EXPECT_EQ(machine.configuration_changes, 1U);
    EXPECT_EQ(configuration(machine.device()).status, 0);
    EXPECT_FALSE(network.channel(0).wants_frames);
}

TEST(NetQueues, ThoseThatWereNotSetUpDoNothing) {
    Machine machine;
    FakeBackend& network = machine.make_device(2, 0);
    machine.start(several);
    machine.stop();
    const std::lock_guard guard{machine.lock()};
    machine.device().start(several, {});
    for (uint16_t queue = 0; queue < 10; ++queue) machine.device().notified(queue);
    network.channel(0).incoming.push_back({{}, pattern(60)});
    network.channel(0).listener->readable();
    EXPECT_EQ(network.channel(0).incoming.size(), 1U);
    machine.device().stop();
}

}  // namespace
}  // namespace eremite::test
