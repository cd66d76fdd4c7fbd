#pragma once
// What a file of `--config` sets, among the options of the command line.
#include "cli/config_file.hpp"

namespace CLI {
class App;
}

namespace eremite::cli {

// Sets those options of a command line that was parsed which are not given on it. Throws Failure (usage), which names file, line and key: there is
// no such option, or it takes no such value.
void apply_config(const Config& config, CLI::App& app);

}  // namespace eremite::cli
