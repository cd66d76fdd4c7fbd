#pragma once
// pipe(7): bytes from one end to the other, inside the program.
#include "libos/fs/file.hpp"

namespace eremite::ipc {

struct PipeEnds {
    Ref<fs::File> read_end, write_end;
};
// `flags`: O_NONBLOCK of both ends. ENOMEM.
[[nodiscard]] Result<PipeEnds> create_pipe(uint32_t flags);

}  // namespace eremite::ipc
