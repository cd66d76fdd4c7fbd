// Stands for folders of the host in an image without the component share.
#include "libos/init/mounts/sources.hpp"

namespace eremite::init {

Result<MountSource> open_folder(const MountArgument&) { return Error{ENOSYS}; }

}  // namespace eremite::init
