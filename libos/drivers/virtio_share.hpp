#pragma once
// The virtio devices by which a host shares a folder: the file system device (virtio 1.2 section 5.11), which speaks FUSE, and the
// 9P transport (section 5.9 reserves its number; the layout is that of linux/virtio_9p.h). Each has a tag.
#include <string_view>

#include "libos/fs/remote/transport.hpp"

namespace eremite::drivers {

enum class ShareProtocol : uint8_t { NineP, Fuse };

struct Share {
    fs::remote::Transport* transport;
    ShareProtocol protocol;
};

// The device with this tag, started when it is first asked for. Lives as long as the kernel. ENODEV: there is none; EBUSY:
// it was given out before; EIO, ENOTSUP, ENOMEM: it cannot be started. `patience`: seconds after which a server that takes nothing
// more is dead; at least 1.
[[nodiscard]] Result<Share> claim_virtio_share(std::string_view tag, uint32_t patience);

}  // namespace eremite::drivers
