#pragma once
// The network device of virtio (virtio 1.2 section 5.1).
#include "base/result.hpp"
#include "libos/network/nic.hpp"

namespace eremite::drivers {

// The next network device that nobody has yet; it lives for good. ENODEV: that were all; EIO, ENOMEM, ENOTSUP: it cannot be used, and the next
// one may be asked for.
[[nodiscard]] Result<network::Card*> claim_virtio_net();

}  // namespace eremite::drivers
