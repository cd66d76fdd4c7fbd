#pragma once
// What a user network passes on to libslirp of the frames that a machine sends. That library is not ours and parses what is hostile within this
// process, so it gets no more than it needs.
#include <cstddef>
#include <cstdint>
#include <span>

namespace eremite::vmm::net {

enum class UserFrame : uint8_t {
    // Neither ARP nor IP; or a fragment of an IPv4 packet, at some of which libslirp 4.7 dies. Who wants to send more than a frame holds sends
    // several datagrams, or by TCP.
    Refused,
    Connects,  // begins a connection of TCP
    Sends,     // a packet of a protocol that has no connections, which may take a socket of its own
    Other,
};

// `frame`: Ethernet's, from its header on. To be called with a copy that the machine cannot change.
[[nodiscard]] UserFrame kind_of(std::span<const std::byte> frame);

}  // namespace eremite::vmm::net
