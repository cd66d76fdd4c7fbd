#pragma once
// The whole stack: one instance is one shard (netstack/shards.hpp), used by one CPU at a time, and knows no clock and no lock. Its host
//   * says what time it is and lets timers fire: advance(), by next_deadline() at the latest;
//   * hands in packets that devices received, and ends each batch of whatever it did with flush(): acknowledgements, data and
//     events of a batch go out together then.
#include <array>

#include "netstack/iface/interface.hpp"
#include "netstack/iface/ip.hpp"
#include "netstack/iface/ndp.hpp"
#include "netstack/observer.hpp"
#include "netstack/phy/capture.hpp"
#include "netstack/phy/loopback.hpp"
#include "netstack/shards.hpp"
#include "netstack/storage/keyed_hash.hpp"
#include "netstack/storage/pool.hpp"
#include "netstack/tcp/tcp.hpp"
#include "netstack/udp/udp.hpp"

namespace eremite::net {

struct Configuration {
    HashKey secret{};  // random, and known to nobody; shards share it
    TcpConfiguration tcp{};
    Capture* capture = nullptr;  // sees all packets
    Shard shard{};
};

class Stack {
public:
    static constexpr size_t most_interfaces = 8;
    static constexpr uint16_t first_ephemeral_port = 32768, last_ephemeral_port = 60999;

    // `pool` outlives the stack.
    Stack(PacketPool& pool, const Configuration& configuration);
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;
    ~Stack();
    // Before anything else. ENOMEM.
    [[nodiscard]] Result<void> start();

    // The device outlives its interface. ENOMEM; ENOSPC: too many.
    [[nodiscard]] Result<Interface*> add_interface(Device& device);
    [[nodiscard]] Interface& loopback() const { return *interfaces_[0]; }
    // Where multicast and broadcast go without a route: the first beside the loopback; null when there is none.
    [[nodiscard]] Interface* default_interface() const { return interfaces_[1]; }
    [[nodiscard]] Interface* interface(uint32_t index) const {
        return index >= 1 && index <= most_interfaces ? interfaces_[index - 1] : nullptr;
    }
    // One of our addresses, on any interface.
    [[nodiscard]] bool is_local(const IpAddress& address) const;
    // On any interface.
    [[nodiscard]] bool in_group(const IpAddress& group) const;
    // One of our addresses, or any address of the loopback, which has them all.
    [[nodiscard]] bool is_own(const IpAddress& address) const { return address.is_loopback() || is_local(address); }
    // A port of ours that `free` agrees with, looked for from a random one on (RFC 6056 section 3.3.1). 0: there is none.
    template <typename Free>
    [[nodiscard]] uint16_t any_port(Free free) {
        constexpr uint32_t ports = last_ephemeral_port - first_ephemeral_port + 1;
        const uint32_t start = random_.below(ports);
        for (uint32_t i = 0; i < ports; ++i)
            if (const auto port = static_cast<uint16_t>(first_ephemeral_port + (start + i) % ports); owner_of(port) == shard_.index && free(port))
                return port;
        return 0;
    }

    [[nodiscard]] const Shard& shard() const { return shard_; }
    // The one that configures the interfaces, and to which belongs what has no other owner.
    [[nodiscard]] bool is_first() const { return shard_.index == 0; }
    // The shard to which a port belongs. Those of servers of the system, DHCP among them, are the first one's.
    [[nodiscard]] uint32_t owner_of(uint16_t port) const {
        constexpr uint16_t first_user_port = 1024;
        return port < first_user_port ? 0 : port % shard_.count;
    }
    // True: the packet, which begins with its IP header, belongs to another shard, which gets it now.
    [[nodiscard]] bool pass(uint32_t owner, const Interface& interface, const Packet& packet) {
        if (owner == shard_.index || packet.offload().handed != 0) [[likely]] return false;
        shard_.others->hand_over(owner, interface, packet);
        return true;
    }
    // True: nobody knows yet to whom it belongs, and the next one looks.
    [[nodiscard]] bool pass_around(const Interface& interface, const Packet& packet) {
        if (packet.offload().handed + 1U >= shard_.count) [[likely]] return false;
        shard_.others->hand_over((shard_.index + 1) % shard_.count, interface, packet);
        return true;
    }
    // A copy for each of the others, if the packet came from a device.
    void show_all(const Interface& interface, const Packet& packet) {
        if (shard_.count > 1 && packet.offload().handed == 0) [[unlikely]] shard_.others->hand_over(OtherShards::all, interface, packet);
    }
    // What another shard handed over: the packet as it was there, its offload with `handed` counted up.
    void receive_handed(Interface& interface, Packet&& packet);
    // Takes over what the first shard has decided on: the interfaces' addresses, groups and links, and the routes. Requires: both have the same
    // interfaces.
    void adopt(const Stack& first);
    // Whether there is something to adopt since the last call.
    [[nodiscard]] bool take_settings_change() { return settings_changed_ && std::exchange(settings_changed_, false); }
    void settings_changed() { settings_changed_ = true; }

    void advance(Instant now);
    void receive(Interface& interface, Packet&& packet) {
        touch();
        interface.receive(std::move(packet));
    }
    void device_ready(Interface& interface) { interface.device_ready(); }
    void flush() {
        if (touched_) end_batch();
    }
    // Something was done that flush() has to complete; and whether there was.
    void touch() { touched_ = true; }
    [[nodiscard]] bool touched() const { return touched_; }
    [[nodiscard]] Instant next_deadline() const;

    [[nodiscard]] Instant now() const { return now_; }
    [[nodiscard]] PacketPool& pool() const { return pool_; }
    [[nodiscard]] TimerWheel& timers() { return timers_; }
    [[nodiscard]] RandomNumbers& random() { return random_; }
    [[nodiscard]] const HashKey& secret() const { return secret_; }
    // Null: nobody looks.
    [[nodiscard]] Capture* capture() const { return capture_; }
    [[nodiscard]] IpLayer& ip() { return ip_; }
    [[nodiscard]] NeighbourDiscovery& ndp() { return ndp_; }
    [[nodiscard]] UdpLayer& udp() { return udp_; }
    [[nodiscard]] TcpLayer& tcp() { return tcp_; }

    void count(Drop why) { ++drops_[static_cast<size_t>(why)]; }
    [[nodiscard]] uint64_t drops(Drop why) const { return drops_[static_cast<size_t>(why)]; }

private:
    void end_batch();

    PacketPool& pool_;
    const HashKey secret_;
    Capture* const capture_;
    const Shard shard_;
    Instant now_{};
    bool touched_ = false;
    bool settings_changed_ = false;
    TimerWheel timers_{};
    RandomNumbers random_;
    std::array<uint64_t, static_cast<size_t>(Drop::Count)> drops_{};
    LoopbackDevice loopback_device_{};
    IpLayer ip_{*this};
    NeighbourDiscovery ndp_{*this};
    UdpLayer udp_{*this};
    TcpLayer tcp_;
    std::array<Interface*, most_interfaces> interfaces_{};
};

}  // namespace eremite::net
