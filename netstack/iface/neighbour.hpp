#pragma once
// The neighbours on a link and their link addresses, for IPv4 (ARP, RFC 826) and IPv6 (RFC 4861) alike: the states of neighbour
// unreachability detection (RFC 4861 section 7.3) serve both.
#include <array>

#include "base/result.hpp"
#include "base/time.hpp"
#include "netstack/storage/object_pool.hpp"
#include "netstack/storage/packet.hpp"
#include "netstack/storage/timer_wheel.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::net {

class Interface;
class NeighbourTable;

enum class NeighbourState : uint8_t { Incomplete, Reachable, Stale, Delay, Probe, Permanent };

struct Neighbour : Timer {
    explicit Neighbour(NeighbourTable& t);
    NeighbourTable& table;
    Neighbour* next = nullptr;  // of the same hash
    IpAddress address{};
    MacAddress mac{};
    NeighbourState state = NeighbourState::Incomplete;
    bool is_router = false;
    uint8_t probes = 0;
    Instant reachable_until{};
    Instant used{};
    PacketQueue pending{};  // waits for the link address
};

class NeighbourTable {
public:
    static constexpr size_t most_neighbours = 512;
    static constexpr size_t most_pending = 16;       // packets, of one neighbour
    static constexpr size_t most_pending_all = 256;  // of all, so that a scan or spoofed sources cannot take the pool

    explicit NeighbourTable(Interface& interface);
    ~NeighbourTable();

    // The link address to send to now. Null: unknown yet; then the packet was kept, or dropped when too many wait.
    [[nodiscard]] const MacAddress* resolve(const IpAddress& address, Packet& packet);
    // What somebody said of an address. `create`: whether that is worth an entry; `solicited`: it was an answer to us;
    // `override_entry`: a different link address replaces the known one (RFC 4861 section 7.2.5).
    void learn(const IpAddress& address, const MacAddress& mac, bool create, bool solicited, bool override_entry);
    // An upper layer sees that packets arrive there (RFC 4861 section 7.3.1).
    void confirm(const IpAddress& address);
    [[nodiscard]] Result<void> add_permanent(const IpAddress& address, const MacAddress& mac);
    void remove(const IpAddress& address);
    void clear();
    [[nodiscard]] Neighbour* find(const IpAddress& address) const;
    [[nodiscard]] size_t count() const { return pool_.used(); }
    template <typename Function>
    void for_each(Function function) const {
        for (const Neighbour* head : heads_)
            for (const Neighbour* n = head; n; n = n->next) function(*n);
    }

    static constexpr Duration reachable_time = Duration::seconds(30);
    static constexpr Duration delay_first_probe = Duration::seconds(5);
    static constexpr Duration retransmission = Duration::seconds(1);
    static constexpr uint8_t most_probes = 3;
    // Packets that wait for link addresses.
    [[nodiscard]] size_t pending() const { return pending_; }

private:
    friend struct Neighbour;
    static constexpr size_t buckets = 64;
    [[nodiscard]] static size_t bucket(const IpAddress& address) { return (address.low() * 0x9e37'79b9'7f4a'7c15) >> 58; }
    [[nodiscard]] Neighbour* create(const IpAddress& address);
    [[nodiscard]] Neighbour* least_recently_used() const;
    void timeout(Neighbour& neighbour);
    void become_reachable(Neighbour& neighbour);
    void send_pending(Neighbour& neighbour);
    void take_pending(Neighbour& neighbour, PacketQueue& to);
    void unreachable(Neighbour& neighbour);
    void destroy(Neighbour& neighbour);

    Interface& interface_;
    std::array<Neighbour*, buckets> heads_{};
    ObjectPool<Neighbour> pool_{most_neighbours};
    size_t pending_ = 0;  // packets that wait, of all neighbours
};

}  // namespace eremite::net
