// What a header may say about a frame that is sent.
#include <gtest/gtest.h>

#include "vmm/net/header.hpp"

namespace eremite::vmm::net {
namespace {

constexpr uint64_t all = send_offloads;

Header tcp4() {
    Header header{};
    header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    header.hdr_len = 54;
    header.gso_size = 1448;
    header.csum_start = 34;
    header.csum_offset = 16;
    return header;
}

TEST(SendHeader, PlainFramesGoOnWithoutAnythingElse) {
    Header header{};
    header.flags = 0xfe;  // what is none of the driver's
    header.num_buffers = 7;
    header.hdr_len = 9999;
    header.gso_size = 12;
    const auto checked = check_header(header, 60, 0);
    ASSERT_TRUE(checked);
    EXPECT_EQ(checked->flags, 0);
    EXPECT_EQ(checked->num_buffers, 0);
    EXPECT_EQ(checked->hdr_len, 0);
    EXPECT_EQ(checked->gso_size, 0);
}

TEST(SendHeader, LengthsOfFramesHaveBounds) {
    EXPECT_FALSE(check_header({}, 0, all));
    EXPECT_FALSE(check_header({}, ETH_HLEN - 1, all));
    EXPECT_TRUE(check_header({}, ETH_HLEN, all));
    EXPECT_TRUE(check_header({}, longest_frame, all));
    EXPECT_FALSE(check_header({}, longest_frame + 1, all));
}

TEST(SendHeader, AChecksumLiesWithinTheFrame) {
    Header header{};
    header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header.csum_start = 34;
    header.csum_offset = 16;
    EXPECT_TRUE(check_header(header, 52, all));
    EXPECT_FALSE(check_header(header, 51, all));
    EXPECT_FALSE(check_header(header, 52, all & ~bit(VIRTIO_NET_F_CSUM)));
    header.csum_start = header.csum_offset = 0xffff;
    EXPECT_FALSE(check_header(header, longest_frame, all));
    header.csum_start = 0;
    header.csum_offset = 0;
    EXPECT_FALSE(check_header(header, 60, all));
}

TEST(SendHeader, SegmentsTakeWhatTheDriverAccepted) {
    const auto checked = check_header(tcp4(), 4000, all);
    ASSERT_TRUE(checked);
    EXPECT_EQ(checked->gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    EXPECT_EQ(checked->gso_size, 1448);
    EXPECT_EQ(checked->hdr_len, 54);
    EXPECT_EQ(checked->csum_start, 34);
    EXPECT_FALSE(check_header(tcp4(), 4000, all & ~bit(VIRTIO_NET_F_HOST_TSO4)));
    constexpr struct {
        uint8_t type;
        unsigned feature;
    } types[] = {{VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_F_HOST_TSO6}, {VIRTIO_NET_HDR_GSO_UDP, VIRTIO_NET_F_HOST_UFO}, {gso_udp_l4, feature_host_uso}};
    for (const auto& [type, feature] : types) {
        Header header = tcp4();
        header.gso_type = type;
        EXPECT_TRUE(check_header(header, 4000, all)) << int{type};
        EXPECT_FALSE(check_header(header, 4000, all & ~bit(feature))) << int{type};
    }
    Header ecn = tcp4();
    ecn.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    EXPECT_TRUE(check_header(ecn, 4000, all));
    EXPECT_FALSE(check_header(ecn, 4000, all & ~bit(VIRTIO_NET_F_HOST_ECN)));
}

TEST(SendHeader, SegmentsThatMakeNoSense) {
    Header header = tcp4();
    header.gso_type = 2;
    EXPECT_FALSE(check_header(header, 4000, all));
    header = tcp4();
    header.gso_size = 0;
    EXPECT_FALSE(check_header(header, 4000, all));
    header = tcp4();
    header.flags = 0;
    EXPECT_FALSE(check_header(header, 4000, all));
    header = tcp4();
    header.hdr_len = 4001;
    EXPECT_FALSE(check_header(header, 4000, all));
}

}  // namespace
}  // namespace eremite::vmm::net
