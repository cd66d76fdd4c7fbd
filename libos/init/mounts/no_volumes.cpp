// Stands for volumes in an image without the component volume.
#include "libos/init/mounts/sources.hpp"

namespace eremite::init {

Result<MountSource> open_volume(const MountArgument&) { return Error{ENOSYS}; }
void close_volumes() {}

}  // namespace eremite::init
