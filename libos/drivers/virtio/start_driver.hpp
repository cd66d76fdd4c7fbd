#pragma once
// How a driver begins, whatever its device.
#include <new>
#include <utility>

#include "base/result.hpp"
#include "libos/drivers/virtio/transport.hpp"

namespace eremite::virtio {

// A driver that has started, for as long as the machine runs. ENOMEM, or as Driver::start() fails; there is no driver then.
template <typename Driver, typename... Arguments>
[[nodiscard]] Result<Driver*> start_driver(Transport& transport, Arguments&&... arguments) {
    auto* const driver = new (std::nothrow) Driver{transport, std::forward<Arguments>(arguments)...};
    if (!driver) return Error{ENOMEM};
    if (const auto started = driver->start(); !started.ok()) {
        delete driver;
        return started.error();
    }
    return driver;
}

}  // namespace eremite::virtio
