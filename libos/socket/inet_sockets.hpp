#pragma once
// Sockets of the Internet, if the image has the component `net`.
#include "libos/socket/socket.hpp"

namespace eremite::socket {

// `domain`: AF_INET or AF_INET6. `type` and `protocol`: as of socket(2), without flags. EAFNOSUPPORT: there is no network.
[[nodiscard]] Result<Ref<Socket>> create_inet_socket(int domain, int type, int protocol, uint32_t flags);

}  // namespace eremite::socket
