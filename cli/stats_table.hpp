#pragma once
// The table that `eremite run --stats` prints after the run.
#include <string>

#include "cli/session.hpp"

namespace eremite::cli {

// How the time from QEMU's start to the program's end was spent, and every figure the image reported, in aligned columns.
// Time stamps become durations where the image reported its counter's frequency.
std::string format_stats(const SessionEnd& end);

}  // namespace eremite::cli
