#include "libos/init/mounts.hpp"

#include "libos/drivers/virtio_9p.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/ninep/file_system.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

#ifdef EREMITE_9P

namespace {

Result<void> mount_folder(const fs::Context& context, const MountArgument& argument) {
    fs::ninep::Transport* const transport = TRY(drivers::claim_virtio_9p(argument.tag));
    // For good, like the device.
    auto* const file_system = new (std::nothrow) fs::ninep::FileSystem{*transport};
    if (!file_system) return Error{ENOMEM};
    Ref<fs::Inode> root = TRY(file_system->start());
    return fs::mount(context, argument.path, std::move(root), {.read_only = argument.read_only, .create_point = true}, "9p", argument.tag);
}

std::string_view explain(int code) {
    switch (code) {
        case ENODEV: return "the machine has no 9p device with this tag";
        case EBUSY: return "it is mounted already";
        case ENOTSUP: return "the device does not speak 9P2000.L";
        case EIO: return "the device does not work";
        case ENOTDIR: return "a file is in the way";
        case ENOMEM:
        case ENOSPC: return "too little memory";
        default: return "it is refused";
    }
}

}  // namespace

Result<void> mount_folders(const fs::Context& context, std::span<const MountArgument> arguments) {
    for (const MountArgument& argument : arguments) {
        const auto mounted = mount_folder(context, argument);
        if (mounted.ok()) continue;
        log::error("{} cannot be mounted at {}: {} (error {})", argument.tag, argument.path, explain(mounted.code()), mounted.code());
        return mounted;
    }
    return {};
}

#else

Result<void> mount_folders(const fs::Context&, std::span<const MountArgument> arguments) {
    if (arguments.empty()) return {};
    log::error("this kernel was built without shared folders (CMake option EREMITE_9P)");
    return Error{ENODEV};
}

#endif

}  // namespace eremite::init
