#include "netstack/iface/neighbour.hpp"

#include "netstack/iface/interface.hpp"
#include "netstack/stack.hpp"

namespace eremite::net {

Neighbour::Neighbour(NeighbourTable& t)
    : Timer{[](Timer& timer) {
          auto& neighbour = static_cast<Neighbour&>(timer);
          neighbour.table.timeout(neighbour);
      }},
      table{t} {}

NeighbourTable::NeighbourTable(Interface& interface) : interface_{interface} {}

NeighbourTable::~NeighbourTable() { clear(); }

Neighbour* NeighbourTable::find(const IpAddress& address) const {
    for (Neighbour* n = heads_[bucket(address)]; n; n = n->next)
        if (n->address == address) return n;
    return nullptr;
}

Neighbour* NeighbourTable::least_recently_used() const {
    Neighbour* oldest = nullptr;
    for (Neighbour* head : heads_)
        for (Neighbour* n = head; n; n = n->next)
            if (n->state != NeighbourState::Permanent && (!oldest || n->used < oldest->used)) oldest = n;
    return oldest;
}

Neighbour* NeighbourTable::create(const IpAddress& address) {
    if (pool_.used() == pool_.most()) {
        if (Neighbour* oldest = least_recently_used()) destroy(*oldest);
    }
    Neighbour* n = pool_.create(*this);
    if (!n) return nullptr;
    n->address = address;
    n->used = interface_.stack().now();
    n->next = heads_[bucket(address)];
    heads_[bucket(address)] = n;
    return n;
}

const MacAddress* NeighbourTable::resolve(const IpAddress& address, Packet& packet) {
    const Instant now = interface_.stack().now();
    Neighbour* n = find(address);
    if (n) [[likely]] {
        n->used = now;
        switch (n->state) {
            case NeighbourState::Reachable:
                if (now < n->reachable_until) [[likely]] return &n->mac;
                [[fallthrough]];
            case NeighbourState::Stale:
                // The address is used on trust while an upper layer may confirm it (RFC 4861 section 7.3.3).
                n->state = NeighbourState::Delay;
                interface_.stack().timers().set(*n, now + delay_first_probe);
                return &n->mac;
            case NeighbourState::Delay:
            case NeighbourState::Probe:
            case NeighbourState::Permanent: return &n->mac;
            case NeighbourState::Incomplete: break;
        }
    } else {
        n = create(address);
        if (!n) {
            interface_.stack().count(Drop::NoMemory);
            packet.reset();
            return nullptr;
        }
        n->probes = 1;
        interface_.stack().timers().set(*n, now + retransmission);
        interface_.solicit(address, nullptr);
    }
    if (n->pending.count() == most_pending) {
        // The newest stay (RFC 4861 section 7.2.2).
        n->pending.pop().reset();
        --pending_;
        interface_.stack().count(Drop::QueueFull);
    } else if (pending_ == most_pending_all) {
        interface_.stack().count(Drop::QueueFull);
        packet.reset();
        return nullptr;
    }
    n->pending.push(std::move(packet));
    ++pending_;
    return nullptr;
}

void NeighbourTable::become_reachable(Neighbour& n) {
    n.state = NeighbourState::Reachable;
    n.reachable_until = interface_.stack().now() + reachable_time;
    n.probes = 0;
    interface_.stack().timers().cancel(n);
}

void NeighbourTable::learn(const IpAddress& address, const MacAddress& mac, bool create_entry, bool solicited, bool override_entry) {
    if (mac.is_group() || mac.is_zero()) return;
    Neighbour* n = find(address);
    if (!n) {
        if (!create_entry || !(n = create(address))) return;
        n->mac = mac;
        n->state = NeighbourState::Stale;
        return;
    }
    if (n->state == NeighbourState::Permanent) return;
    if (n->state == NeighbourState::Incomplete) {
        n->mac = mac;
        if (solicited) {
            become_reachable(*n);
        } else {
            n->state = NeighbourState::Stale;
            interface_.stack().timers().cancel(*n);
        }
        send_pending(*n);
        return;
    }
    const bool differs = n->mac != mac;
    if (differs && !override_entry) {
        if (n->state == NeighbourState::Reachable) n->state = NeighbourState::Stale;
        return;
    }
    n->mac = mac;
    if (solicited) {
        become_reachable(*n);
    } else if (differs) {
        n->state = NeighbourState::Stale;
        interface_.stack().timers().cancel(*n);
    }
}

void NeighbourTable::confirm(const IpAddress& address) {
    Neighbour* n = find(address);
    if (n && n->state != NeighbourState::Incomplete && n->state != NeighbourState::Permanent) become_reachable(*n);
}

Result<void> NeighbourTable::add_permanent(const IpAddress& address, const MacAddress& mac) {
    Neighbour* n = find(address);
    if (!n && !(n = create(address))) return Error{ENOMEM};
    interface_.stack().timers().cancel(*n);
    n->mac = mac;
    n->state = NeighbourState::Permanent;
    send_pending(*n);
    return {};
}

void NeighbourTable::take_pending(Neighbour& n, PacketQueue& to) {
    pending_ -= n.pending.count();
    while (Packet packet = n.pending.pop()) to.push(std::move(packet));
}

void NeighbourTable::send_pending(Neighbour& n) {
    const MacAddress mac = n.mac;
    PacketQueue packets;
    take_pending(n, packets);
    while (Packet packet = packets.pop()) interface_.transmit_to(mac, std::move(packet));
}

void NeighbourTable::timeout(Neighbour& n) {
    TimerWheel& timers = interface_.stack().timers();
    const Instant now = interface_.stack().now();
    switch (n.state) {
        case NeighbourState::Delay:
            n.state = NeighbourState::Probe;
            n.probes = 0;
            [[fallthrough]];
        case NeighbourState::Probe:
        case NeighbourState::Incomplete:
            if (n.probes++ >= most_probes) return unreachable(n);
            timers.set(n, now + retransmission);
            interface_.solicit(n.address, n.state == NeighbourState::Probe ? &n.mac : nullptr);
            return;
        case NeighbourState::Reachable:
        case NeighbourState::Stale:
        case NeighbourState::Permanent: return;
    }
}

void NeighbourTable::unreachable(Neighbour& n) {
    PacketQueue packets;
    take_pending(n, packets);
    destroy(n);
    while (Packet packet = packets.pop()) interface_.stack().ip().report_unreachable(interface_, std::move(packet));
}

void NeighbourTable::destroy(Neighbour& n) {
    interface_.stack().timers().cancel(n);
    pending_ -= n.pending.count();
    Neighbour** link = &heads_[bucket(n.address)];
    while (*link != &n) link = &(*link)->next;
    *link = n.next;
    pool_.destroy(n);
}

void NeighbourTable::remove(const IpAddress& address) {
    if (Neighbour* n = find(address)) destroy(*n);
}

void NeighbourTable::clear() {
    for (Neighbour* const& head : heads_)
        while (head) destroy(*head);
}

}  // namespace eremite::net
