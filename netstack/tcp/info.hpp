#pragma once
// What can be said of a connection (TCP_INFO of tcp(7)).
#include <cstdint>

#include "base/time.hpp"

namespace eremite::net::tcp {

// Those from Established on are synchronized (RFC 9293 section 3.3.2).
enum class State : uint8_t { Closed, SynSent, SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck };

struct Counters {
    uint64_t segments_in = 0, segments_out = 0;
    uint64_t bytes_received = 0, bytes_acknowledged = 0, bytes_sent = 0, bytes_retransmitted = 0;
    uint32_t retransmissions = 0, timeouts = 0, recoveries = 0, tail_probes = 0, undone = 0, fast_path = 0;
};

struct Info {
    State state = State::Closed;
    bool timestamps = false, sack = false, scaling = false, ecn = false;
    uint8_t send_scale = 0, receive_scale = 0;
    Duration timeout{}, rtt{}, rtt_variance{}, smallest_rtt{};
    uint32_t send_mss = 0, receive_mss = 0, path_mtu = 0;
    uint32_t congestion_window = 0, threshold = 0, send_window = 0, receive_window = 0;
    uint32_t unacknowledged = 0, in_flight = 0, sacked = 0, lost = 0;
    bool in_recovery = false, in_loss = false, reordering = false;
    uint8_t backoff = 0;
    Counters counters{};
};

}  // namespace eremite::net::tcp
