#pragma once
// What was written is written back some seconds later, so that others see it although its file stays open.
#include "base/result.hpp"

namespace eremite::fs::page_cache {

// Does nothing if that is so already. ENOMEM.
[[nodiscard]] Result<void> start_flusher();

}  // namespace eremite::fs::page_cache
