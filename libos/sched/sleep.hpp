#pragma once
// Waiting for time to pass.
#include "base/result.hpp"
#include "base/time.hpp"

namespace eremite::sched {

// Lets the CPU rest until `when`. Instant::never() waits for good.
[[nodiscard]] Result<void> sleep_until(Instant when);

}  // namespace eremite::sched
