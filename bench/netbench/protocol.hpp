#pragma once
// What client and server say to each other. Numbers stand in the order of x86, where both run.
#include <cstdint>

namespace eremite::netbench {

constexpr uint16_t default_port = 7878;
constexpr uint32_t largest_message = 16 << 20;
// Of UDP over IPv4.
constexpr uint32_t largest_datagram = 65507;

enum class Kind : uint32_t {
    control,      // answered by a Session; then each byte is answered by what the session's sinks have Received
    tcp_sink,     // the server receives
    tcp_source,   // the server sends
    tcp_echo,     // a message of the server for each of the client's
    udp_sink,     // like `control`, with a port for datagrams
    udp_source,   // likewise; the client's first datagram, which may get lost, says where to
    udp_echo,     // likewise
    stop,         // the server ends
};

/// The first bytes of each connection.
struct Request {
    static constexpr uint32_t expected_magic = 0x424e5245;

    uint32_t magic = expected_magic;
    Kind kind{};
    uint32_t session = 0;  // that of a control connection, for sinks
    uint32_t message = 0;  // bytes of the client's messages
    uint32_t reply = 0;    // bytes of the server's
};

struct Session {
    uint32_t number;
    uint16_t datagram_port;
    uint16_t connection_port;  // where connections are accepted that bring one byte, get one byte and are closed
};

struct Received {
    uint64_t bytes;
    uint64_t nanoseconds;  // between the first and the last datagram; a flood of them leaves no room for questions meanwhile
};

}  // namespace eremite::netbench
