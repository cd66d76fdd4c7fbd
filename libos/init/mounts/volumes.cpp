#include <new>

#include "libos/drivers/virtio_blk.hpp"
#include "libos/fs/ext4/file_system.hpp"
#include "libos/init/mounts/sources.hpp"
#include "libos/log/log.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::init {

namespace {

// Those that were opened, for good. Changed only while the machine starts, by its one thread.
constinit Vector<fs::ext4::FileSystem*> volumes{};

}  // namespace

Result<MountSource> open_volume(const MountArgument& argument) {
    block::Device* const disk = TRY(drivers::claim_virtio_disk(argument.tag));
    TRY(volumes.reserve(volumes.size() + 1));
    auto* const file_system = new (std::nothrow) fs::ext4::FileSystem{*disk};
    if (!file_system) return Error{ENOMEM};
    TRY(volumes.push_back(file_system));
    return MountSource{TRY(file_system->start(argument.read_only)), "ext4"};
}

void close_volumes() {
    constexpr Duration patience = Duration::seconds(30);
    for (fs::ext4::FileSystem* const volume : volumes) {
        const auto stopped = volume->stop(platform::monotonic_now() + patience);
        if (!stopped.ok()) log::error("{}: the volume is not unmounted cleanly: error {}", volume->volume().device().name(), stopped.code());
    }
}

}  // namespace eremite::init
