#pragma once
// The virtio memory balloon (virtio 1.2 section 5.5), of which free page reporting is used: the host gets large blocks back that nobody uses.
#include "base/result.hpp"

namespace eremite::drivers {

// Looks once a second from now on, and reports what has lain idle. ENODEV: there is no such device, or the image was linked without the component
// virtio; ENOTSUP: it cannot be told; EIO: it misbehaves; ENOMEM.
[[nodiscard]] Result<void> start_virtio_balloon();

}  // namespace eremite::drivers
