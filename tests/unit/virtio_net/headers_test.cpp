// What stands in front of packets that a device joined, and of those that it shall cut (virtio 1.2 sections 5.1.6.2 and 5.1.6.4).
#include "fixture.hpp"

namespace eremite::test {
namespace {

using drivers::net_gso_udp_l4;

constexpr uint64_t datagram_features = bit(VIRTIO_NET_F_GUEST_UFO) | bit(VIRTIO_NET_F_HOST_UFO) | bit(drivers::net_feature_guest_uso4) |
                                       bit(drivers::net_feature_guest_uso6);

class HeadersTest : public VirtioNetTest {
protected:
    // The header of a packet that is sent with this.
    Header sent_with(const net::Offload& offload) {
        net::Packet sent_packet = packet(5000);
        sent_packet.offload() = offload;
        EXPECT_TRUE(nic->transmit(sent_packet));
        nic->flush();
        const Bytes bytes = sent();
        EXPECT_EQ(bytes.size(), sizeof(Header) + 5000);
        Header header{};
        std::memcpy(&header, bytes.data(), std::min(sizeof header, bytes.size()));
        return header;
    }
};

TEST_P(HeadersTest, DatagramsAreAskedForIfBuffersAreMerged) {
    start(all_features | datagram_features);
    EXPECT_EQ(transport.accepted & datagram_features, datagram_features);
    EXPECT_TRUE(nic->capabilities().udp_fragmentation);
}

TEST_P(HeadersTest, DatagramsThatNeedSeveralBuffersNeedThatFeature) {
    start((all_features | datagram_features) & ~bit(VIRTIO_NET_F_MRG_RXBUF));
    EXPECT_EQ(transport.accepted & datagram_features, bit(VIRTIO_NET_F_HOST_UFO));
}

TEST_P(HeadersTest, ADeviceThatComputesNoChecksumsMakesNoFragments) {
    start((all_features | datagram_features) & ~bit(VIRTIO_NET_F_CSUM));
    EXPECT_FALSE(nic->capabilities().udp_fragmentation);
}

TEST_P(HeadersTest, AWholeLongDatagramIsOnePacket) {
    start(all_features | datagram_features);
    const Bytes datagram(1900, 3);
    deliver({.hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_UDP, .hdr_len = 42, .gso_size = 1480, .csum_start = 34,
                     .csum_offset = 6},
             .num_buffers = 1},
            datagram);
    poll();
    ASSERT_EQ(receiver.packets.size(), 1U);
    EXPECT_EQ(receiver.packets[0].first, datagram);
    EXPECT_EQ(receiver.packets[0].second.segmentation, net::Segmentation::None);
    EXPECT_EQ(receiver.packets[0].second.checksum, net::ChecksumState::Partial);
}

TEST_P(HeadersTest, JoinedDatagramsSayTheirSize) {
    start(all_features | datagram_features);
    deliver({.hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = net_gso_udp_l4, .hdr_len = 42, .gso_size = 500, .csum_start = 34, .csum_offset = 6},
             .num_buffers = 1},
            Bytes(1900, 3));
    poll();
    ASSERT_EQ(receiver.packets.size(), 1U);
    EXPECT_EQ(receiver.packets[0].second.segmentation, net::Segmentation::Udp);
    EXPECT_EQ(receiver.packets[0].second.segment_size, 500);
}

TEST_P(HeadersTest, JoinedDatagramsOfNoSize) {
    start(all_features | datagram_features);
    deliver({.hdr = {.gso_type = net_gso_udp_l4}, .num_buffers = 1}, Bytes(60, 1));
    expect_only_this_dropped();
}

TEST_P(HeadersTest, SendsWhatIsToBecomeFragments) {
    start(all_features | datagram_features);
    const Header header = sent_with({.checksum_start = 34, .checksum_offset = 6, .segment_size = 1480, .header_length = 42,
                                     .checksum = net::ChecksumState::Partial, .segmentation = net::Segmentation::Fragments});
    EXPECT_EQ(header.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    EXPECT_EQ(header.hdr.gso_type, VIRTIO_NET_HDR_GSO_UDP);
    EXPECT_EQ(header.hdr.gso_size, 1480);
    EXPECT_EQ(header.hdr.hdr_len, 42);
}

TEST_P(HeadersTest, SendsWhatIsToBecomeDatagrams) {
    start(all_features | datagram_features);
    const Header header = sent_with({.checksum_start = 34, .checksum_offset = 6, .segment_size = 500, .header_length = 42,
                                     .checksum = net::ChecksumState::Partial, .segmentation = net::Segmentation::Udp});
    EXPECT_EQ(header.hdr.gso_type, net_gso_udp_l4);
    EXPECT_EQ(header.hdr.gso_size, 500);
}

INSTANTIATE_TEST_SUITE_P(Rings, HeadersTest, testing::Bool(), [](const auto& info) { return info.param ? "Packed" : "Split"; });

}  // namespace
}  // namespace eremite::test
