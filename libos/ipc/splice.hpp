#pragma once
// splice(2), tee(2): bytes between pipes and files, without a way through the program's memory.
#include "libos/ipc/pipe_file.hpp"

namespace eremite::ipc {

// A file as one side of a transfer: at an offset, which moves on, or where the description itself stands (null).
struct FileSide {
    fs::File& file;
    uint64_t* offset;
};

// All transfer at most `size` bytes, more than zero, and wait only while they have none; `wait` says whether they do at all.
// 0: the source has ended. EAGAIN; EPIPE, with SIGPIPE; errors of the file; ENOMEM.
[[nodiscard]] Result<size_t> splice_into(PipeBuffer& pipe, FileSide from, size_t size, bool wait);
[[nodiscard]] Result<size_t> splice_out_of(PipeBuffer& pipe, FileSide to, size_t size, bool wait);
// Requires: two different pipes. With `keep` (tee) the bytes stay in the first one too.
[[nodiscard]] Result<size_t> splice_between(PipeBuffer& from, PipeBuffer& to, size_t size, bool wait, bool keep);

}  // namespace eremite::ipc
