#pragma once
// What a network option means for the machine and for its image.
#include <string>
#include <vector>

#include "cli/network_option.hpp"
#include "cli/qemu_command.hpp"

namespace eremite::cli {

// `cpus`: of the machine, which has a pair of queues for each if the TAP device takes several.
[[nodiscard]] NetworkInterface network_interface(const NetworkOption& network, unsigned cpus);
// Kernel arguments.
[[nodiscard]] std::vector<std::string> network_arguments(const NetworkOption& network);

}  // namespace eremite::cli
