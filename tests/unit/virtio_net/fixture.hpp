#pragma once
// The driver of network devices with a device behind it that the test plays, with split and with packed rings.
#include <gtest/gtest.h>
#include <linux/virtio_ids.h>

#include <deque>

#include "base/time.hpp"
#include "fake_transport.hpp"
#include "libos/drivers/virtio_net.hpp"
#include "libos/drivers/virtio_net_format.hpp"
#include "libos/mm/page_allocator.hpp"
#include "netstack/storage/pool.hpp"

namespace eremite::test {

using Bytes = std::vector<uint8_t>;
using Header = virtio_net_hdr_mrg_rxbuf;

constexpr uint64_t bit(unsigned feature) { return uint64_t{1} << feature; }
constexpr uint64_t all_features = bit(VIRTIO_F_VERSION_1) | bit(VIRTIO_NET_F_CSUM) | bit(VIRTIO_NET_F_GUEST_CSUM) | bit(VIRTIO_NET_F_MAC) |
                                  bit(VIRTIO_NET_F_GUEST_TSO4) | bit(VIRTIO_NET_F_GUEST_TSO6) | bit(VIRTIO_NET_F_HOST_TSO4) |
                                  bit(VIRTIO_NET_F_HOST_TSO6) | bit(VIRTIO_NET_F_MRG_RXBUF) | bit(VIRTIO_NET_F_STATUS) |
                                  bit(VIRTIO_RING_F_INDIRECT_DESC) | bit(VIRTIO_RING_F_EVENT_IDX);

struct Listener final : network::Nic::Listener {
    void attention(network::Nic&) override { ++calls; }
    sync::Spinlock& lock() override { return lock_; }
    int calls = 0;

private:
    sync::Spinlock lock_{sync::Rank::Network};
};

struct Receiver final : network::Nic::Receiver {
    void receive(net::Packet&& packet) override {
        Bytes bytes(packet.length());
        packet.copy_to(0, bytes);
        packets.emplace_back(std::move(bytes), packet.offload());
    }
    std::vector<std::pair<Bytes, net::Offload>> packets;
};

inline uint8_t* at(const virtio::Segment& segment) { return direct_map(segment.address).as<uint8_t>(); }

// The memory for packets of one pair of queues.
class PairMemory {
public:
    PairMemory();
    PairMemory(const PairMemory&) = delete;
    PairMemory& operator=(const PairMemory&) = delete;
    // Gives the memory back, of which nothing may be used any more.
    void release();
    net::PacketPool pool;

private:
    std::span<std::byte> block(unsigned order);
    std::vector<std::pair<PhysicalAddress, unsigned>> blocks_;
};

class VirtioNetTest : public testing::TestWithParam<bool> {
protected:
    VirtioNetTest() { add_user(); }
    // Drivers live for good, and so do what they use.
    FakeTransport& transport = *new FakeTransport;
    std::deque<PairMemory>& memories = *new std::deque<PairMemory>;
    std::deque<Listener>& listeners = *new std::deque<Listener>;
    Receiver receiver;
    network::Card* card = nullptr;
    network::Nic* nic = nullptr;  // the first pair

    void add_user();
    // The device has so many pairs of queues.
    void claim(uint64_t features, uint16_t device_pairs = 1);
    // The first pairs, which the card was asked for.
    void begin(size_t count = 1);
    void start(uint64_t features = all_features) {
        claim(features);
        ASSERT_EQ(card->make_pairs(1).code(), 0);
        begin();
    }
    void TearDown() override;
    [[nodiscard]] net::PacketPool& pool() const { return memories[0].pool; }
    FakeDevice& device(uint16_t queue) { return *transport.queues.at(queue).device; }
    // Puts bytes into the driver's next buffers of a receive queue, as many as it takes, with this header in front.
    void deliver(const Header& header, const Bytes& bytes, uint16_t queue = 0);
    void poll(network::Nic& pair) {
        while (pair.poll(receiver, 64) || pair.watch()) {
        }
    }
    void poll() { poll(*nic); }
    // One packet was dropped, everything goes on, and nothing is lost.
    void expect_only_this_dropped();
    // The device is stopped, and works again some time later.
    void expect_restart();
    static void pass(Duration time) { expire_timers(now_ += time.ns); }
    [[nodiscard]] net::Packet packet(size_t size, size_t of = 0) const {
        net::Packet made = memories[of].pool.allocate_data(static_cast<uint32_t>(size));
        EXPECT_TRUE(made.append_copy(Bytes(size, 9)));
        return made;
    }
    // What the device gets to send next, with its header.
    Bytes sent(uint16_t queue = 1);

private:
    size_t fragments_ = 0;
    static inline int64_t now_ = 0;
    static inline auto& kept_ = *new std::vector<const void*>;  // for who looks for leaks
};

}  // namespace eremite::test
