#pragma once
// Sockets between threads of the program (unix(7)): two that were made as a pair.
#include "libos/socket/socket.hpp"

namespace eremite::socket {

struct SocketPair {
    Ref<fs::File> first, second;
};
// `type`: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. `flags`: O_NONBLOCK of both. ENOMEM.
[[nodiscard]] Result<SocketPair> create_local_pair(int type, uint32_t flags);

}  // namespace eremite::socket
