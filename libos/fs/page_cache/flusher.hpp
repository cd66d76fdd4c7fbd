#pragma once
// A thread of the kernel that writes back what was written some seconds ago, so that others see it although its file stays open. It sleeps
// as long as nothing is dirty.
#include "base/result.hpp"

namespace eremite::fs::page_cache {

// Does nothing if it runs. ENOMEM.
[[nodiscard]] Result<void> start_flusher();

}  // namespace eremite::fs::page_cache
