#pragma once
// The virtio socket device (virtio 1.2 section 5.10).
#include "libos/socket/vsock/endpoint.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

// Gives the endpoint its way to the host, if the machine has such a device: without one, nothing changes; one that fails is logged. `lock` is the
// endpoint's, which is held here and in the device's interrupts. Both live as long as the kernel.
void start_virtio_vsock(socket::vsock::Endpoint& endpoint, sync::Spinlock& lock);

}  // namespace eremite::drivers
