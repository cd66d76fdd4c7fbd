#pragma once
// The virtio 9P transport: a device for each folder that the host shares (virtio 1.2 section 5.9 reserves its number; the layout
// is that of linux/virtio_9p.h).
#include <string_view>

#include "libos/fs/ninep/transport.hpp"

namespace eremite::drivers {

// The device with this mount tag, started when it is first asked for. Lives as long as the kernel. ENODEV: there is none; EBUSY:
// it was given out before; EIO, ENOTSUP, ENOMEM: it cannot be started.
[[nodiscard]] Result<fs::ninep::Transport*> claim_virtio_9p(std::string_view tag);

}  // namespace eremite::drivers
