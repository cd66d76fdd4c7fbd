#include <array>
#include <new>
#include <span>

#include "libos/drivers/virtio_blk.hpp"
#include "libos/fs/ext4/file_system.hpp"
#include "libos/init/mounts/sources.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

namespace {

// Those that were opened, for good. Changed only while the machine starts, by its one thread. An array, since nothing here may have a
// destructor: the program's exit() would run it before us.
constexpr size_t most_volumes = 32;
constinit std::array<fs::ext4::FileSystem*, most_volumes> volumes{};
constinit size_t volume_count = 0;

}  // namespace

Result<MountSource> open_volume(const MountArgument& argument) {
    block::Device* const disk = TRY(drivers::claim_virtio_disk(argument.tag));
    if (volume_count == most_volumes) return Error{ENOMEM};
    auto* const file_system = new (std::nothrow) fs::ext4::FileSystem{*disk};
    if (!file_system) return Error{ENOMEM};
    volumes[volume_count++] = file_system;
    Ref<fs::Inode> root = TRY(file_system->start(argument.read_only));
    if (!file_system->read_only()) TRY(file_system->commit_by_itself());
    return MountSource{std::move(root), "ext4"};
}

void close_volumes() {
    for (fs::ext4::FileSystem* const volume : std::span{volumes}.first(volume_count)) {
        const auto stopped = volume->stop();
        if (!stopped.ok()) log::error("{}: the volume is not unmounted cleanly: error {}", volume->volume().device().name(), stopped.code());
    }
}

}  // namespace eremite::init
