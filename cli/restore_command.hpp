#pragma once
// `eremite run --restore`: goes on from a snapshot, whose devices may have others behind them now.
#include "cli/run_command.hpp"

namespace eremite::cli {

// The program's exit status, or one of exit_status. Throws Failure.
int restore_command(const RunOptions& options);

}  // namespace eremite::cli
