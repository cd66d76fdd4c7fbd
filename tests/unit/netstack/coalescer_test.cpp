#include <gtest/gtest.h>

#include "netstack/wire/checksum.hpp"
#include "netstack/wire/ethernet.hpp"
#include "netstack/wire/ipv4.hpp"
#include "netstack/wire/tcp.hpp"
#include "tests/unit/netstack/tcp_pair.hpp"

namespace eremite::test {
namespace {

constexpr size_t tcp_flags_at = sizeof(net::EthernetHeader) + sizeof(net::Ipv4Header) + offsetof(net::TcpHeader, flags);

// How many segments TCP took in for each frame of the wire that carried data.
double segments_for_each_frame(Network& network, bool v6 = false) {
    TcpPair pair{network, v6};
    EXPECT_NE(pair.server, nullptr);
    uint64_t data_frames = 0;
    const auto before = network.filter;
    network.filter = [&](Bytes& frame, bool from_a) {
        data_frames += from_a && frame.size() > 1000;
        return !before || before(frame, from_a);
    };
    const uint64_t segments = pair.server->info().counters.segments_in;
    EXPECT_NE(pair.transfer(2'000'000, 65536).ns, 0);
    EXPECT_GT(data_frames, 1000U);
    network.filter = before;
    return static_cast<double>(pair.server->info().counters.segments_in - segments) / static_cast<double>(data_frames);
}

TEST(Coalescer, JoinsWhatComesTogether) {
    Network network;
    EXPECT_LT(segments_for_each_frame(network), 0.2);
    EXPECT_LT(segments_for_each_frame(network, true), 0.2);
}

TEST(Coalescer, LeavesThatToDevicesThatCan) {
    HostOptions joining;
    joining.capabilities.receive_segmentation = true;
    Network network{{}, {}, joining};
    EXPECT_GE(segments_for_each_frame(network), 1);
}

TEST(Coalescer, JoinsNothingThatSaysSomethingElse) {
    // Every other segment is marked by a router: whoever joins them loses the mark.
    Network network;
    uint64_t count = 0;
    network.filter = [&](Bytes& frame, bool from_a) {
        if (!from_a || frame.size() <= 1000) return true;
        // SAFETY: a frame of this size has the headers, which are made of bytes.
        auto& header = *reinterpret_cast<net::Ipv4Header*>(&frame[sizeof(net::EthernetHeader)]);
        net::write_ipv4(header, net::Ipv4Address{header.source}, net::Ipv4Address{header.destination}, static_cast<net::Protocol>(header.protocol),
                        header.total_length, header.ttl, count++ % 2 == 0 ? 0x20 : 0, header.identification, header.fragment);
        return true;
    };
    EXPECT_GE(segments_for_each_frame(network), 0.95);
}

TEST(Coalescer, OrderWithinAFlowStays) {
    // A segment that is not joined, here for its flag, comes behind those that are.
    Network network;
    uint64_t count = 0;
    network.filter = [&](Bytes& frame, bool from_a) {
        if (from_a && frame.size() > 1000 && count++ % 7 == 3) {
            const uint8_t before = frame[tcp_flags_at];
            frame[tcp_flags_at] |= net::TcpHeader::ece;
            auto* const checksum = &frame[sizeof(net::EthernetHeader) + sizeof(net::Ipv4Header) + offsetof(net::TcpHeader, checksum)];
            // Flags are the second byte of a word.
            const auto word = [](uint8_t flags) { return net::swap_bytes(uint16_t{flags}); };
            net::store_raw(checksum, net::updated_checksum(net::load_raw<uint16_t>(checksum), word(before), word(frame[tcp_flags_at])));
        }
        return true;
    };
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    ASSERT_NE(pair.transfer(2'000'000, 65536).ns, 0);
    EXPECT_EQ(pair.client->info().counters.retransmissions, 0U);
}

TEST(Coalescer, DamagedSegmentsAreDroppedAlone) {
    Network network{{.corruption = 20}};
    TcpPair pair{network};
    ASSERT_NE(pair.server, nullptr);
    EXPECT_NE(pair.transfer(2'000'000, 65536).ns, 0);
}

}  // namespace
}  // namespace eremite::test
