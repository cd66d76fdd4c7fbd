#pragma once
// A machine that goes on from a snapshot is a copy, or late (abi/generation.hpp): it needs other random numbers, the time, and addresses of its own.
#include <string_view>

#include "base/result.hpp"

namespace eremite::init {

// `announcement`: the kernel argument `vmgenid=`; empty: there is nothing to watch. EINVAL: it is malformed; ENOSYS: an image without the component
// `virtio`; ENOMEM, or as the interrupt cannot be had.
[[nodiscard]] Result<void> watch_generation(std::string_view announcement);

}  // namespace eremite::init
