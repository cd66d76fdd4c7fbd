#pragma once
// Waiting for time to pass.
#include "base/result.hpp"
#include "base/time.hpp"

namespace eremite::sched {

// Lets the thread rest until `when`. Instant::never() waits for good. EINTR: a signal is due.
[[nodiscard]] Result<void> sleep_until(Instant when);

}  // namespace eremite::sched
