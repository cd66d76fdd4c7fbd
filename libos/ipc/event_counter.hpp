#pragma once
// eventfd(2): a counter to wait for.
#include "libos/fs/file.hpp"

namespace eremite::ipc {

// `flags`: O_NONBLOCK. `semaphore`: a read takes 1 instead of all. ENOMEM.
[[nodiscard]] Result<Ref<fs::File>> create_event_counter(uint32_t initial, bool semaphore, uint32_t flags);

}  // namespace eremite::ipc
