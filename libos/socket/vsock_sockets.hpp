#pragma once
// Sockets between machines (vsock(7)), if the image has them: the build's switch EREMITE_VSOCK, and the component `virtio`.
#include "libos/socket/socket.hpp"

namespace eremite::socket {

// Whether they are there, and /dev/vsock.
[[nodiscard]] bool has_vsock();
// `type` and `protocol`: as of socket(2), without flags. EAFNOSUPPORT: there are none; ESOCKTNOSUPPORT, EPROTONOSUPPORT, ENODEV: not of that kind; ENOMEM.
[[nodiscard]] Result<Ref<Socket>> create_vsock_socket(int type, int protocol, uint32_t flags);
// What opening /dev/vsock gives, which tells the machine's number. ENXIO: there is none; ENOMEM.
[[nodiscard]] Result<Ref<fs::File>> open_vsock_device(Ref<fs::Inode> node, uint32_t flags);
// Before the machine ends: ends all streams, and waits a few seconds at most until others have what was sent.
void finish_vsock();

}  // namespace eremite::socket
