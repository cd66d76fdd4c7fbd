// The driver of network devices, with a device that keeps the protocol and one that does not.
#include "libos/drivers/virtio_net.hpp"

#include <gtest/gtest.h>
#include <linux/virtio_ids.h>
#define class class_
#include <linux/virtio_net.h>
#undef class
#include <sanitizer/asan_interface.h>

#include <deque>

#include "base/time.hpp"
#include "fake_transport.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/mm/page_allocator.hpp"
#include "netstack/storage/pool.hpp"

namespace eremite {

namespace test {
namespace {

using Bytes = std::vector<uint8_t>;
using Header = virtio_net_hdr_mrg_rxbuf;

std::deque<virtio::Transport*> transports;
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

uint8_t* at(const virtio::Segment& segment) { return direct_map(segment.address).as<uint8_t>(); }

class VirtioNetTest : public testing::TestWithParam<bool> {
protected:
    // Drivers live for good, and so do what they use.
    FakeTransport& transport = *new FakeTransport;
    net::PacketPool& pool = *new net::PacketPool;
    Listener& listener = *new Listener;
    Receiver receiver;
    network::Nic* nic = nullptr;

    void start(uint64_t features = all_features) {
        transport.features = features | (GetParam() ? bit(VIRTIO_F_RING_PACKED) : 0);
        transport.queue_limits = {64, 64};
        transport.configuration = {2, 0, 0, 0, 0, 1, VIRTIO_NET_S_LINK_UP, 0};
        transports.push_back(&transport);
        auto claimed = drivers::claim_virtio_net();
        ASSERT_EQ(claimed.code(), 0);
        nic = claimed.value();
        kept_.insert(kept_.end(), {&transport, &pool, &listener, nic});
        pool.add_fragments(block(4));
        pool.add_small(block(7));
        pool.add_large(block(7));
        nic->start(listener, pool);
        fragments_ = pool.free_fragments();
    }
    void TearDown() override {
        forget_interrupts();
        for (const auto& [address, order] : blocks_) {
            // The pool hides what is free.
            ASAN_UNPOISON_MEMORY_REGION(direct_map(address).as<void>(), page_size << order);
            mm::page_allocator().free(address, order);
        }
    }
    std::span<std::byte> block(unsigned order) {
        const PhysicalAddress address = mm::page_allocator().allocate(order).value();
        blocks_.emplace_back(address, order);
        return {direct_map(address).as<std::byte>(), page_size << order};
    }
    FakeDevice& device(uint16_t queue) { return *transport.queues.at(queue).device; }
    // Puts bytes into the driver's next buffers, as many as it takes, with this header in front.
    void deliver(const Header& header, const Bytes& bytes) {
        Bytes all(sizeof header);
        std::memcpy(all.data(), &header, sizeof header);
        all.insert(all.end(), bytes.begin(), bytes.end());
        std::vector<std::pair<DeviceRequest, uint32_t>> used;
        for (size_t done = 0; done < all.size();) {
            const auto request = device(0).pop();
            ASSERT_TRUE(request);
            ASSERT_EQ(request->writable.size(), 1U);
            const size_t piece = std::min<size_t>(request->writable[0].length, all.size() - done);
            std::memcpy(at(request->writable[0]), &all[done], piece);
            done += piece;
            used.emplace_back(*request, piece);
        }
        for (const auto& [request, written] : used) device(0).complete(request, written);
    }
    void poll() {
        while (nic->poll(receiver, 64) || nic->watch()) {
        }
    }
    // One packet was dropped, everything goes on, and nothing is lost.
    void expect_only_this_dropped() {
        poll();
        EXPECT_TRUE(receiver.packets.empty());
        deliver({.hdr = {}, .num_buffers = 1}, Bytes(60, 7));
        poll();
        ASSERT_EQ(receiver.packets.size(), 1U);
        EXPECT_EQ(receiver.packets[0].first, Bytes(60, 7));
        EXPECT_EQ(pool.free_fragments(), fragments_);
    }
    // The device is stopped, and works again some time later.
    void expect_restart() {
        poll();
        EXPECT_TRUE(receiver.packets.empty());
        pass(Duration::milliseconds(1));
        poll();
        EXPECT_FALSE(nic->link_up());
        net::Packet lost = packet(100);
        EXPECT_TRUE(nic->transmit(lost));
        EXPECT_FALSE(lost);
        pass(Duration::seconds(120));
        EXPECT_TRUE(nic->link_up());
        expect_only_this_dropped();
    }
    static void pass(Duration time) { expire_timers(now_ += time.ns); }
    net::Packet packet(size_t size) {
        net::Packet made = pool.allocate_data(static_cast<uint32_t>(size));
        EXPECT_TRUE(made.append_copy(Bytes(size, 9)));
        return made;
    }

private:
    std::vector<std::pair<PhysicalAddress, unsigned>> blocks_;
    size_t fragments_ = 0;
    static inline int64_t now_ = 0;
    static inline auto& kept_ = *new std::vector<const void*>;  // for who looks for leaks
};

TEST_P(VirtioNetTest, DescribesWhatTheDeviceCan) {
    start();
    const net::Capabilities& c = nic->capabilities();
    EXPECT_EQ(c.mac.bytes, (std::array<uint8_t, 6>{2, 0, 0, 0, 0, 1}));
    EXPECT_EQ(c.mtu, 1500);
    EXPECT_TRUE(c.transmit_checksum && c.receive_checksum && c.receive_segmentation);
    EXPECT_GT(c.tcp4_segmentation, 60'000U);
    EXPECT_TRUE(nic->link_up());
}

TEST_P(VirtioNetTest, WithoutFeaturesItDoesEverythingItself) {
    start(bit(VIRTIO_F_VERSION_1));
    const net::Capabilities& c = nic->capabilities();
    EXPECT_FALSE(c.transmit_checksum || c.receive_checksum || c.receive_segmentation);
    EXPECT_EQ(c.tcp4_segmentation, 0U);
    deliver({.hdr = {}, .num_buffers = 77}, Bytes(60, 1));  // means nothing here
    poll();
    EXPECT_EQ(receiver.packets.size(), 1U);
}

TEST_P(VirtioNetTest, SegmentsThatNeedSeveralBuffersNeedThatFeature) {
    start(all_features & ~bit(VIRTIO_NET_F_MRG_RXBUF));
    EXPECT_FALSE(nic->capabilities().receive_segmentation);
    EXPECT_EQ(transport.accepted & bit(VIRTIO_NET_F_GUEST_TSO4), 0U);
}

TEST_P(VirtioNetTest, ReceivesWhatIsSplitOverBuffers) {
    start();
    Bytes large(60'000);
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<uint8_t>(i * 31);
    const auto buffers = static_cast<uint16_t>((large.size() + sizeof(Header) + net::PacketPool::small_capacity - 1) / net::PacketPool::small_capacity);
    deliver({.hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = 54, .gso_size = 1448, .csum_start = 34,
                     .csum_offset = 16},
             .num_buffers = buffers},
            large);
    poll();
    ASSERT_EQ(receiver.packets.size(), 1U);
    EXPECT_EQ(receiver.packets[0].first, large);
    const net::Offload& offload = receiver.packets[0].second;
    EXPECT_EQ(offload.segmentation, net::Segmentation::Tcp4);
    EXPECT_EQ(offload.segment_size, 1448);
    EXPECT_EQ(offload.checksum, net::ChecksumState::Partial);
    EXPECT_EQ(offload.checksum_start, 34);
}

TEST_P(VirtioNetTest, LargePacketsGetLargeBuffers) {
    start();
    for (int i = 0; i < 400; ++i) {
        const auto request = device(0).pop();
        ASSERT_TRUE(request);
        if (request->writable[0].length > net::PacketPool::small_capacity) return;
        const Header header{.hdr = {}, .num_buffers = 5};
        std::memcpy(at(request->writable[0]), &header, sizeof header);
        std::vector<DeviceRequest> used{*request};
        while (used.size() < 5) used.push_back(*device(0).pop());
        for (const DeviceRequest& r : used) device(0).complete(r, r.writable[0].length);
        poll();
    }
    FAIL() << "there were only small ones";
}

TEST_P(VirtioNetTest, SendsWithTheHeaderInFront) {
    start();
    net::Packet sent = packet(5000);
    sent.offload() = {.checksum_start = 34, .checksum_offset = 16, .segment_size = 1448, .header_length = 54, .checksum = net::ChecksumState::Partial,
                      .segmentation = net::Segmentation::Tcp6};
    ASSERT_TRUE(nic->transmit(sent));
    nic->flush();
    const auto request = device(1).pop();
    ASSERT_TRUE(request);
    Bytes bytes;
    for (const auto& s : request->readable) bytes.insert(bytes.end(), at(s), at(s) + s.length);
    ASSERT_EQ(bytes.size(), sizeof(Header) + 5000);
    Header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    EXPECT_EQ(header.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    EXPECT_EQ(header.hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
    EXPECT_EQ(header.hdr.gso_size, 1448);
    EXPECT_EQ(header.hdr.hdr_len, 54);
    EXPECT_EQ(header.hdr.csum_start, 34);
    const size_t free = pool.free_large() + pool.free_small();
    device(1).complete(*request, 0);
    nic->flush();
    EXPECT_GT(pool.free_large() + pool.free_small(), free);
}

TEST_P(VirtioNetTest, AFullQueueRefusesUntilThereIsRoom) {
    start();
    size_t sent = 0;
    for (net::Packet next = packet(60); nic->transmit(next); next = packet(60)) ASSERT_LT(++sent, 100U);
    EXPECT_GT(sent, 50U);
    EXPECT_FALSE(nic->has_room_again());
    nic->flush();
    while (const auto request = device(1).pop()) device(1).complete(*request, 0);
    poll();
    EXPECT_TRUE(nic->has_room_again());
    EXPECT_FALSE(nic->has_room_again());
}

TEST_P(VirtioNetTest, LinkGoesDownAndUp) {
    start();
    EXPECT_TRUE(nic->link_up());
    transport.configuration[6] = 0;
    transport.events = {false, true};
    raise(transport.connected.at(0));
    EXPECT_EQ(listener.calls, 1);
    EXPECT_FALSE(nic->link_up());
    transport.configuration[6] = VIRTIO_NET_S_LINK_UP;
    raise(transport.connected.at(0));
    EXPECT_TRUE(nic->link_up());
}

// What a device must not say.
TEST_P(VirtioNetTest, ChecksumOutsideOfThePacket) {
    start();
    deliver({.hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 50, .csum_offset = 10}, .num_buffers = 1}, Bytes(60, 1));
    expect_only_this_dropped();
}

TEST_P(VirtioNetTest, ChecksumFarOutside) {
    start();
    deliver({.hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 0xffff}, .num_buffers = 1}, Bytes(60, 1));
    expect_only_this_dropped();
}

TEST_P(VirtioNetTest, SegmentsOfNoSize) {
    start();
    deliver({.hdr = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4}, .num_buffers = 1}, Bytes(60, 1));
    expect_only_this_dropped();
}

TEST_P(VirtioNetTest, SegmentsOfNoKnownKind) {
    start();
    deliver({.hdr = {.gso_type = 0x42, .gso_size = 100}, .num_buffers = 1}, Bytes(60, 1));
    expect_only_this_dropped();
}

TEST_P(VirtioNetTest, LessThanAHeader) {
    start();
    const auto request = device(0).pop();
    device(0).complete(*request, 5);
    expect_only_this_dropped();
}

TEST_P(VirtioNetTest, NothingBehindTheHeader) {
    start();
    deliver({.hdr = {}, .num_buffers = 1}, {});
    expect_only_this_dropped();
}

TEST_P(VirtioNetTest, MoreBuffersThanThereAre) {
    start();
    deliver({.hdr = {}, .num_buffers = 4}, Bytes(60, 1));
    expect_restart();
}

TEST_P(VirtioNetTest, AnswersToNothing) {
    start();
    if (GetParam()) dynamic_cast<PackedDevice&>(device(0)).put_used(9999, 0, 1);
    else dynamic_cast<SplitDevice&>(device(0)).put_used(9999, 0);
    expect_restart();
}

TEST_P(VirtioNetTest, ResetsThatItAsksFor) {
    start();
    transport.current_status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    transport.events = {false, true};
    raise(transport.connected.at(0));
    expect_restart();
}

TEST_P(VirtioNetTest, ADeviceThatComesBackAsAnotherStaysDown) {
    start();
    transport.current_status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    transport.events = {false, true};
    raise(transport.connected.at(0));
    poll();
    transport.features &= ~bit(VIRTIO_NET_F_CSUM);
    const int errors = errors_logged;
    pass(Duration::seconds(120));
    EXPECT_FALSE(nic->link_up());
    EXPECT_GT(errors_logged, errors);
    poll();
}

INSTANTIATE_TEST_SUITE_P(Rings, VirtioNetTest, testing::Bool(), [](const auto& info) { return info.param ? "Packed" : "Split"; });

}  // namespace
}  // namespace test

Result<virtio::Transport*> virtio::claim(uint32_t type) {
    EXPECT_EQ(type, static_cast<uint32_t>(VIRTIO_ID_NET));
    if (test::transports.empty()) return Error{ENODEV};
    Transport* const next = test::transports.front();
    test::transports.pop_front();
    return next;
}

}  // namespace eremite
