#pragma once
// What users may set of connections and of the whole of TCP (tcp(7)).
#include <cstddef>

#include "base/time.hpp"

namespace eremite::net {

class Interface;

struct TcpConfiguration {
    size_t most_connections = 65536;
    size_t most_requests = 4096;        // connections that are being opened by peers
    size_t most_time_waits = 16384;
    size_t most_sent_segments = 131072;
    size_t flow_buckets = 16384;        // a power of two
    size_t least_send_buffer = 65536, initial_send_buffer = 262144, most_send_buffer = size_t{4} << 20;
    size_t initial_receive_buffer = 131072, most_receive_buffer = size_t{6} << 20;
    uint8_t syn_retries = 6, synack_retries = 5, data_retries = 15, orphan_retries = 8;
    bool ecn = false;                   // ask for it; it is always granted
    Duration time_wait = Duration::seconds(60), fin_timeout = Duration::seconds(60);
};

namespace tcp {

struct Settings {
    bool no_delay = false;
    bool cork = false;
    bool keep_alive = false;
    bool reuse_port = false;
    bool v6_only = false;
    bool urgent_inline = false;         // SO_OOBINLINE
    bool send_buffer_fixed = false;     // set by the user: it does not grow
    bool receive_buffer_fixed = false;
    bool linger = false;                // with linger_seconds 0 a close resets
    uint16_t linger_seconds = 0;
    uint16_t most_segment = 0;          // TCP_MAXSEG; 0: by the path
    uint8_t ttl = 64;
    uint8_t traffic_class = 0;
    uint8_t keep_alive_probes = 9;
    uint8_t syn_retries = 0;            // 0: the configuration's
    Duration keep_alive_idle = Duration::seconds(7200);
    Duration keep_alive_interval = Duration::seconds(75);
    Duration user_timeout{};            // 0: by the number of retransmissions
    size_t send_buffer = 0, receive_buffer = 0;  // 0: the configuration's
    Interface* interface = nullptr;     // SO_BINDTODEVICE
};

}  // namespace tcp
}  // namespace eremite::net
