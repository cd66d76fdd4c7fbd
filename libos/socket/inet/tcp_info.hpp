#pragma once
// What TCP_INFO tells (tcp(7), linux/tcp.h).
#include <cstdint>
#include <span>

#include "netstack/tcp/connection.hpp"

namespace eremite::socket {

// As include/net/tcp_states.h numbers them, which /proc/net/tcp shows, too.
[[nodiscard]] uint8_t linux_state(net::tcp::State state);
// Writes as much as fits, and returns how much that is. `connection`: null if there is none.
size_t write_tcp_info(const net::tcp::Connection* connection, bool listening, std::span<uint8_t> buffer);

}  // namespace eremite::socket
