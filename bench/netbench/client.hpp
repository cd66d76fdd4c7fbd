#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "protocol.hpp"

namespace eremite::netbench {

enum class Test { tcp_bandwidth, udp_bandwidth, tcp_latency, udp_latency, connections, http };
enum class Direction { send, receive };

struct ClientOptions {
    std::string address = "127.0.0.1";
    uint16_t port = default_port;
    std::vector<Test> tests;
    std::vector<Direction> directions;
    std::vector<uint32_t> bytes;  // of messages; none: what suits the test
    uint32_t reply = 0;           // of latency; 0: as long as the message
    unsigned connections = 1;
    double seconds = 1;           // of each measurement
    double warm_up = 0.2;         // seconds before it
    unsigned pause = 0;           // microseconds before each round trip
    uint64_t rounds = 0;          // messages, round trips or connections of each thread instead of a time; 0: the time counts
    std::string congestion;       // the algorithm of congestion control; empty: the system's
    std::string path = "/";       // of the page that is asked for
    double patience = 10;         // seconds that the server may take to listen
    bool stop = false;            // the server, at the end
};

/// Prints one line for each figure, `name unit value`; what this end sends is called `send`.
void run_client(const ClientOptions& options);

}  // namespace eremite::netbench
