#pragma once
// Machines of our own monitor (vmm/).
#include "cli/qemu_command.hpp"

namespace eremite::cli {

// Runs the machine to its end in this process, which must be one for itself; input and output are its standard ones, `log` and `report` the
// descriptors for what abi/host_channel.hpp has. Returns what QEMU's exit status would be; errors are told on standard error, with status 1.
int run_cell(const VirtualMachine& machine, int log, int report);

}  // namespace eremite::cli
