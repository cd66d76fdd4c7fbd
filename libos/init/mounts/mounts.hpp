#pragma once
// Folders of the host and volumes, mounted before the program starts (kernel argument mount=).
#include <span>

#include "libos/fs/context.hpp"
#include "libos/init/kernel_arguments.hpp"

namespace eremite::init {

// Mounts what the arguments ask for, in their order; missing directories are created. Says what cannot be mounted, and why.
[[nodiscard]] Result<void> mount_arguments(const fs::Context& context, std::span<const MountArgument> arguments);

}  // namespace eremite::init
