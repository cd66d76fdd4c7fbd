// Stands for disks in an image without the component virtio.
#include "libos/fs/dev/disk_file.hpp"

namespace eremite::fs::dev {

Result<Ref<File>> open_disk(Ref<Inode>, uint32_t, uint64_t) { return Error{ENXIO}; }
Result<void> add_disks(Inode&) { return {}; }

}  // namespace eremite::fs::dev
