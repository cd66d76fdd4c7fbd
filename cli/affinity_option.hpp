#pragma once
// `--affinity LIST`: on which CPUs of the host the machine's run.
#include <string_view>
#include <vector>

namespace eremite::cli {

// "0,2-3": numbers and ranges, in this order. Throws Failure (usage) for anything else, and for more than a machine can have.
std::vector<unsigned> parse_cpu_list(std::string_view text);

}  // namespace eremite::cli
