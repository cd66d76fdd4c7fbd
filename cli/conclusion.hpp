#pragma once
// What a run amounts to.
#include <filesystem>
#include <vector>

#include "cli/run_command.hpp"
#include "cli/session.hpp"

namespace eremite::cli {

// The exit status of a session that is over, with a message on standard error where it is not the program's. `executables`: for backtraces, the
// program as the last one. Throws Failure.
int conclude(const RunOptions& options, Vmm vmm, const std::vector<std::filesystem::path>& executables, const SessionEnd& end);

}  // namespace eremite::cli
