#pragma once
// Sockets of the Internet and what tells of interfaces, if the image has the component `net`.
#include "libos/socket/socket.hpp"

namespace eremite::socket {

// `type` and `protocol`: as of socket(2), without flags. EAFNOSUPPORT: no such family, or there is no network.
[[nodiscard]] Result<Ref<Socket>> create_network_socket(int domain, int type, int protocol, uint32_t flags);
// The questions of netdevice(7), which sockets of every family answer. ENOTTY: it is none, or there is no network; ENODEV, EADDRNOTAVAIL, EFAULT.
[[nodiscard]] Result<long> interface_ioctl(uint32_t request, uint64_t argument);

}  // namespace eremite::socket
