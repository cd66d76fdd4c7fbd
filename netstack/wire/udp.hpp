#pragma once
// UDP headers (RFC 768).
#include "netstack/wire/byte_order.hpp"

namespace eremite::net {

struct UdpHeader {
    Be16 source_port;
    Be16 destination_port;
    Be16 length;
    Be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

}  // namespace eremite::net
