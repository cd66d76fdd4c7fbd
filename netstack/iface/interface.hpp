#pragma once
// A network interface: a device with IP addresses, neighbours, multicast groups and a bounded queue for when the device is full.
#include <array>
#include <span>

#include "base/list.hpp"
#include "base/result.hpp"
#include "netstack/iface/coalescer.hpp"
#include "netstack/iface/neighbour.hpp"
#include "netstack/phy/device.hpp"
#include "netstack/wire/ethernet.hpp"

namespace eremite::net {

class Stack;

enum class AddressState : uint8_t {
    Tentative,   // duplicate address detection is under way (RFC 4862 section 5.4)
    Preferred,
    Deprecated,  // not for new flows
};

struct InterfaceAddress : Timer {
    InterfaceAddress();
    Interface* interface = nullptr;
    IpAddress address{};
    uint8_t prefix_length = 0;  // in bits of the mapped address
    AddressState state = AddressState::Preferred;
    bool in_use = false;
    bool from_router = false;  // by SLAAC
    uint8_t probes_left = 0;
    Instant preferred_until = Instant::never();
    Instant valid_until = Instant::never();
};

// What routers told this interface (RFC 4861 section 6.3).
struct RouterDiscovery : Timer {
    RouterDiscovery();
    Interface* interface = nullptr;
    bool enabled = false;
    uint8_t solicitations_left = 0;
    IpAddress router{};  // the default router; unspecified: none
    Instant router_until{};
    std::array<IpAddress, 3> dns_servers{};
    uint8_t dns_count = 0;
};

struct InterfaceCounters {
    uint64_t received_packets = 0, received_bytes = 0;
    uint64_t sent_packets = 0, sent_bytes = 0;
    uint64_t send_drops = 0;
};

// A flow that stopped because an interface's queue is full, to be told when there is room.
class BlockedSender : public ListNode<BlockedSender> {
public:
    virtual void interface_ready() = 0;

protected:
    ~BlockedSender() = default;
};

class Interface {
public:
    static constexpr size_t most_addresses = 16, most_groups = 32, most_queued = 512;

    Interface(Stack& stack, Device& device, uint32_t index);
    ~Interface();
    [[nodiscard]] Stack& stack() const { return stack_; }
    [[nodiscard]] Device& device() const { return device_; }
    [[nodiscard]] const Capabilities& capabilities() const { return device_.capabilities(); }
    [[nodiscard]] uint32_t index() const { return index_; }
    [[nodiscard]] uint16_t mtu() const { return mtu_; }
    // EINVAL: below what IPv4 demands (RFC 791) or above what the device can.
    [[nodiscard]] Result<void> set_mtu(uint16_t mtu);
    [[nodiscard]] bool up() const { return up_; }
    // Addresses stay; neighbours are forgotten, since the link may be another one.
    void set_link(bool up);
    // Tells the neighbours of our addresses and groups without being asked: this host is at another place of its network now.
    void announce();
    [[nodiscard]] const MacAddress& mac() const { return capabilities().mac; }
    [[nodiscard]] NeighbourTable& neighbours() { return neighbours_; }
    [[nodiscard]] RouterDiscovery& router_discovery() { return router_discovery_; }
    [[nodiscard]] const InterfaceCounters& counters() const { return counters_; }

    // Adds the route to the prefix too. `prefix_length` as people write it. EEXIST, ENOBUFS.
    [[nodiscard]] Result<void> add_address(const IpAddress& address, uint8_t prefix_length);
    [[nodiscard]] Result<void> remove_address(const IpAddress& address);
    [[nodiscard]] std::span<InterfaceAddress> addresses() { return addresses_; }
    [[nodiscard]] InterfaceAddress* find_address(const IpAddress& address);
    // Whether packets to it are for this host: ours, a broadcast, or a group we are in. Tentative addresses do not count.
    [[nodiscard]] bool accepts(const IpAddress& destination);
    [[nodiscard]] bool is_broadcast(const IpAddress& address) const {
        if (!address.is_v4()) return false;
        const Ipv4Address v4 = address.v4();
        if (v4.is_broadcast()) return true;
        for (size_t i = 0; i < broadcast_count_; ++i)
            if (broadcasts_[i] == v4) return true;
        return false;
    }
    // The best source for a destination (RFC 6724 section 5); null when there is none of its family.
    [[nodiscard]] const InterfaceAddress* source_for(const IpAddress& destination) const;

    // Memberships are counted. ENOBUFS: too many groups.
    [[nodiscard]] Result<void> join(const IpAddress& group);
    void leave(const IpAddress& group);
    [[nodiscard]] bool in_group(const IpAddress& group) const;
    void report_groups(bool v6);

    // An IP packet to a neighbour, a group or a broadcast address. It is sent, queued or dropped.
    void send(const IpAddress& next_hop, Packet&& packet);
    // The same once the link address is known.
    void transmit_to(const MacAddress& destination, Packet&& packet);
    // Asks for the link address, by unicast where `known` is given.
    void solicit(const IpAddress& address, const MacAddress* known);
    // The device refused packets and they wait: who can wait with more shall.
    [[nodiscard]] bool congested() const { return !queue_.empty(); }
    void block(BlockedSender& sender) {
        if (!sender.linked()) blocked_.push_back(sender);
    }
    void device_ready();

    void receive(Packet&& packet);
    // Without its link header; what another shard handed over tells of neighbours, and is answered there.
    void receive_arp(Packet&& packet);
    // What the first shard has decided on.
    void adopt(const Interface& first);
    // The end of a batch of received packets.
    void end_of_batch() { coalescer_.flush(); }

private:
    friend class NeighbourDiscovery;
    struct Group {
        IpAddress address{};
        uint32_t members = 0;
    };
    void transmit(Packet&& packet);
    [[nodiscard]] bool complete_checksum(Packet& packet) const;
    void send_arp(uint16_t operation, const MacAddress& to, const MacAddress& target_mac, Ipv4Address sender, Ipv4Address target);
    void report_group(const IpAddress& group, bool leaving);
    void addresses_changed();
    void forget_link();

    Stack& stack_;
    Device& device_;
    const uint32_t index_;
    uint16_t mtu_;
    bool up_ = true;
    NeighbourTable neighbours_{*this};
    std::array<InterfaceAddress, most_addresses> addresses_;
    std::array<Group, most_groups> groups_{};
    std::array<Ipv4Address, most_addresses> broadcasts_{};  // of the subnets
    size_t broadcast_count_ = 0;
    RouterDiscovery router_discovery_{};
    PacketQueue queue_{};
    Coalescer coalescer_{*this};
    List<BlockedSender, BlockedSender> blocked_{};
    InterfaceCounters counters_{};
};

}  // namespace eremite::net
