#pragma once
// fifo(7): a pipe that is found by a name in a file system.
#include "libos/fs/file.hpp"

namespace eremite::ipc {

// Opens an end of the pipe that belongs to an inode, which exists as long as somebody has it open. Waits for the other end
// unless O_NONBLOCK is among the flags, or both ends are opened. ENXIO: nobody reads; ENOMEM.
[[nodiscard]] Result<Ref<fs::File>> open_named_pipe(Ref<fs::Inode> inode, uint32_t flags);

}  // namespace eremite::ipc
