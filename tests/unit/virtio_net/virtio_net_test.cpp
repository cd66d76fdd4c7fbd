// The driver of network devices, with a device that keeps the protocol and one that does not.
#include "fixture.hpp"

namespace eremite::test {
namespace {

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
    const size_t free = pool().free_large() + pool().free_small();
    device(1).complete(*request, 0);
    nic->flush();
    EXPECT_GT(pool().free_large() + pool().free_small(), free);
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
    EXPECT_EQ(listeners[0].calls, 1);
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
}  // namespace eremite::test
