// Stands for folders of the host in an image without the component.
#include "libos/init/mounts/mounts.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

Result<void> mount_folders(const fs::Context&, std::span<const MountArgument> arguments) {
    if (arguments.empty()) return {};
    for (const MountArgument& argument : arguments)
        log::error("mount={}:{}: this image was linked without the component share", argument.tag, argument.path);
    return Error{ENOTSUP};
}

}  // namespace eremite::init
