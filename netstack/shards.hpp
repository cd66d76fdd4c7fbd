#pragma once
// Stacks that share a host's interfaces, each with its part of the flows, so that as many CPUs can be at work without sharing anything. Each
// has, of every network card, a pair of queues of its own.
//   * The first one decides on addresses, routes, groups and links; the others adopt them (Stack::adopt).
//   * A UDP port belongs to one of them (Stack::owner_of), and TCP ports of our choice are those that belong to whom they are chosen by.
//   * A TCP flow is where its socket connected or its SYN arrived. Cards bring a flow's packets to the queue that sends for it.
// What arrives elsewhere, and what concerns all, is handed over.
#include <cstdint>

#include "base/result.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::net {

class Interface;
class Packet;

class OtherShards {
public:
    static constexpr uint32_t all = UINT32_MAX;

    // `packet`, which arrived at `interface` without its link header, shall be given to Stack::receive_handed() of the stack `to`, or of each
    // of the others. It is only lent. Without memory it is lost, as on any link.
    virtual void hand_over(uint32_t to, const Interface& interface, const Packet& packet) = 0;
    // The first one shall join a group for us, or leave it. ENOMEM.
    [[nodiscard]] virtual Result<void> join(const Interface& interface, const IpAddress& group) = 0;
    virtual void leave(const Interface& interface, const IpAddress& group) = 0;

protected:
    ~OtherShards() = default;
};

// Which of them one is.
struct Shard {
    static constexpr uint32_t most = 8;
    uint32_t index = 0, count = 1;
    OtherShards* others = nullptr;  // null: there are none
};

}  // namespace eremite::net
