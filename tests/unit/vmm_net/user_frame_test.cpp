// Which frames a user network passes on.
#include "vmm/net/user_frame.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace eremite::test {
namespace {

using vmm::net::kind_of;
using vmm::net::UserFrame;

using Frame = std::vector<std::byte>;

Frame frame_of(uint16_t type, std::initializer_list<int> packet, size_t size = 60) {
    Frame frame(14);
    frame[12] = std::byte(type >> 8), frame[13] = std::byte(type & 0xff);
    for (const int byte : packet) frame.push_back(std::byte(byte));
    frame.resize(size);
    return frame;
}
Frame ipv4(int protocol, int fragment_high = 0, int fragment_low = 0, int first = 0x45) {
    return frame_of(0x0800, {first, 0, 0, 40, 0, 0, fragment_high, fragment_low, 64, protocol});
}
Frame with_flags(Frame frame, size_t tcp_at, int flags) {
    frame.at(tcp_at + 13) = std::byte(flags);
    return frame;
}
constexpr int icmp = 1, tcp = 6, udp = 17;

TEST(UserFrame, OnlyArpAndIp) {
    EXPECT_EQ(kind_of(frame_of(0x0806, {})), UserFrame::Other);
    for (const int type : {0x0000, 0x0801, 0x8100, 0x88f8, 0xffff}) EXPECT_EQ(kind_of(frame_of(static_cast<uint16_t>(type), {})), UserFrame::Refused) << type;
}

TEST(UserFrame, NoFragments) {
    EXPECT_EQ(kind_of(ipv4(udp)), UserFrame::Sends);
    EXPECT_EQ(kind_of(ipv4(udp, 0x40)), UserFrame::Sends) << "not to be fragmented";
    EXPECT_EQ(kind_of(ipv4(udp, 0x20)), UserFrame::Refused) << "the first";
    EXPECT_EQ(kind_of(ipv4(udp, 0x20, 1)), UserFrame::Refused) << "one in the middle";
    EXPECT_EQ(kind_of(ipv4(udp, 0, 1)), UserFrame::Refused) << "the last";
    EXPECT_EQ(kind_of(ipv4(udp, 0x1f, 0xff)), UserFrame::Refused);
}

TEST(UserFrame, BeginsOfConnections) {
    constexpr size_t at = 14 + 20, options_at = at + 4, ipv6_at = 14 + 40;
    EXPECT_EQ(kind_of(with_flags(ipv4(tcp), at, 0x02)), UserFrame::Connects);
    EXPECT_EQ(kind_of(with_flags(ipv4(tcp), at, 0xc2)), UserFrame::Connects) << "with ECN";
    for (const int flags : {0x00, 0x10, 0x12, 0x18, 0x11, 0x04}) EXPECT_EQ(kind_of(with_flags(ipv4(tcp), at, flags)), UserFrame::Other) << flags;
    EXPECT_EQ(kind_of(with_flags(ipv4(tcp, 0, 0, 0x46), options_at, 0x02)), UserFrame::Connects);
    EXPECT_EQ(kind_of(ipv4(icmp)), UserFrame::Sends);
    const Frame ipv6 = frame_of(0x86dd, {0x60, 0, 0, 0, 0, 20, tcp}, 80);
    EXPECT_EQ(kind_of(with_flags(ipv6, ipv6_at, 0x02)), UserFrame::Connects);
    EXPECT_EQ(kind_of(ipv6), UserFrame::Other);
    EXPECT_EQ(kind_of(frame_of(0x86dd, {0x60, 0, 0, 0, 0, 20, udp}, 80)), UserFrame::Sends);
}

TEST(UserFrame, ShortOnes) {
    for (const Frame& whole : {ipv4(tcp), frame_of(0x86dd, {0x60, 0, 0, 0, 0, 20, tcp}, 80), frame_of(0x0806, {})})
        for (size_t size = 0; size < whole.size(); ++size) {
            const Frame frame{whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)};
            const size_t least = whole[12] == std::byte{0x86} ? 54 : whole[13] == std::byte{0x06} ? 14 : 34;
            EXPECT_EQ(kind_of(frame) == UserFrame::Refused, size < least) << size;
        }
    EXPECT_EQ(kind_of(ipv4(tcp, 0, 0, 0x44)), UserFrame::Refused);
    EXPECT_EQ(kind_of(ipv4(tcp, 0, 0, 0x40)), UserFrame::Refused);
}

}  // namespace
}  // namespace eremite::test
