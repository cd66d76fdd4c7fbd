// A host that was moved tells its neighbours where it is.
#include <gtest/gtest.h>

#include "netstack/wire/icmp.hpp"
#include "tests/unit/netstack/network.hpp"

namespace eremite::test {
namespace {

using net::ArpPacket;
using net::EthernetHeader;
using net::EtherType;
using net::IpAddress;
using net::Ipv4Address;
using net::Ipv6Header;
using net::NeighbourMessage;

struct Announcement {
    net::MacAddress frame_to;
    IpAddress address;
    bool operator==(const Announcement&) const = default;
};

// What the frames say of the sender's addresses: requests for its own ones, and advertisements to all.
class Announced {
public:
    explicit Announced(Host& host) {
        host.device.sent = [this](const Bytes& frame, const net::Offload&) { look_at(frame); };
    }
    std::vector<Announcement> said;
    size_t reports = 0;  // of IGMP

private:
    void look_at(const Bytes& frame) {
        const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(frame.data());
        if (ethernet.type == static_cast<uint16_t>(EtherType::Arp)) {
            const auto& arp = *reinterpret_cast<const ArpPacket*>(&frame[sizeof ethernet]);
            EXPECT_EQ(arp.operation, ArpPacket::request);
            EXPECT_EQ(arp.sender_mac, ethernet.source);
            EXPECT_EQ(uint32_t{arp.sender_ip}, uint32_t{arp.target_ip});
            said.push_back({ethernet.destination, Ipv4Address{arp.sender_ip}});
            return;
        }
        const auto& ip = *reinterpret_cast<const Ipv6Header*>(&frame[sizeof ethernet]);
        reports += ethernet.type == static_cast<uint16_t>(EtherType::Ipv4);
        if (ethernet.type != static_cast<uint16_t>(EtherType::Ipv6) || ip.next_header != static_cast<uint8_t>(net::Protocol::Icmpv6)) return;
        const auto& message = *reinterpret_cast<const NeighbourMessage*>(&ip + 1);
        if (message.icmp.type != net::icmp6::neighbour_advertisement) return;
        EXPECT_EQ(IpAddress{ip.destination}, net::all_nodes);
        EXPECT_EQ(ip.hop_limit, 255);
        EXPECT_EQ(uint32_t{message.icmp.rest}, NeighbourMessage::override_entry);
        said.push_back({ethernet.destination, IpAddress::from_bytes(message.target.data())});
    }
};

TEST(Announcements, NameEachAddress) {
    Network network;
    const IpAddress more = Ipv4Address::of(10, 0, 0, 7);
    ASSERT_TRUE(network.a.interface->add_address(more, 24).ok());
    network.settle();
    Announced announced{network.a};
    network.a.interface->announce();
    network.a.stack.flush();
    const net::MacAddress all = net::MacAddress::broadcast(), all_nodes = net::multicast_mac(net::all_nodes);
    const std::vector<Announcement> expected{{all, network.a4}, {all_nodes, network.a6}, {all, more}};
    EXPECT_EQ(announced.said, expected);
}

TEST(Announcements, LeaveOutWhatIsNotOursYet) {
    Network network;
    ASSERT_TRUE(network.a.interface->add_address(IpAddress::v6({0xfd00, 0, 0, 0, 0, 0, 0, 9}), 64).ok());
    Announced announced{network.a};
    network.a.interface->announce();
    network.a.stack.flush();
    EXPECT_EQ(announced.said.size(), 2U);
}

TEST(Announcements, NameGroupsAgain) {
    Network network;
    ASSERT_TRUE(network.a.interface->join(Ipv4Address::of(239, 1, 2, 3)).ok());
    network.settle();
    Announced announced{network.a};
    network.a.interface->announce();
    network.a.stack.flush();
    EXPECT_EQ(announced.reports, 1U);
}

TEST(Announcements, NeedALink) {
    Network network;
    network.a.interface->set_link(false);
    Announced announced{network.a};
    network.a.interface->announce();
    network.a.stack.flush();
    EXPECT_TRUE(announced.said.empty());
    network.a.stack.loopback().announce();
    EXPECT_TRUE(announced.said.empty());
}

}  // namespace
}  // namespace eremite::test
