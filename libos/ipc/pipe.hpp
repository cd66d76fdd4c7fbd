#pragma once
// pipe(7): bytes from one end to the other, inside the program.
#include "libos/fs/file.hpp"

namespace eremite::ipc {

struct PipeEnds {
    Ref<fs::File> read_end, write_end;
};
// `flags`: O_NONBLOCK of both ends. ENOMEM.
[[nodiscard]] Result<PipeEnds> create_pipe(uint32_t flags);

// How many bytes fit (fcntl(2), F_GETPIPE_SZ and F_SETPIPE_SZ). A new size is rounded up and returned. EBADF: not a pipe;
// EINVAL, ENOMEM; EBUSY: more than that is in it.
[[nodiscard]] Result<size_t> pipe_capacity(fs::File& file);
[[nodiscard]] Result<size_t> set_pipe_capacity(fs::File& file, size_t size);

}  // namespace eremite::ipc
