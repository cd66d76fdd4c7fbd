#pragma once
// Joins segments of a flow that arrive one behind the other into one, as devices do that can: what they cost above is paid once. Only what the
// receiver could have been sent as one segment is joined, so that nothing is lost by it; the end of a batch is the end of all joining.
#include <array>
#include <cstddef>

#include "netstack/storage/packet.hpp"

namespace eremite::net {

class Interface;

class Coalescer {
public:
    explicit Coalescer(Interface& interface) : interface_{interface} {}
    // Takes an IP packet, which comes out again here or by flush(), behind those of its flow that came before.
    void receive(Packet&& packet, bool v6);
    void flush();

private:
    static constexpr size_t most_flows = 8;
    static constexpr size_t longest = 65535;  // of an IP packet
    struct Candidate;
    struct Held {
        Packet packet{};
        Fragment* last = nullptr;
        uint32_t next_sequence = 0;
        uint32_t segment_size = 0;
        uint32_t segments = 0;
        uint16_t ip_length = 0;  // of headers
        bool v6 = false;
    };
    void hold(Packet&& packet, const Candidate& candidate);
    void join(Held& held, Packet&& packet, const Candidate& candidate);
    void hand_out(Held& held);

    Interface& interface_;
    std::array<Held, most_flows> held_{};
    size_t count_ = 0;
};

}  // namespace eremite::net
