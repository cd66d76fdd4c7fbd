#pragma once
// Machines of our own monitor (vmm/).
#include "cli/qemu_command.hpp"

namespace eremite::cli {

// `log` and `report` are for what abi/host_channel.hpp has, the others as vmm::SnapshotOrders has them.
struct CellDescriptors {
    int log, report;
    int snapshot_request = -1, snapshot_file = -1, snapshot_reply = -1;
};

// Runs the machine to its end in this process, which must be one for itself; input and output are its standard ones. Returns what QEMU's exit status
// would be; errors are told on standard error, with status 1.
int run_cell(const VirtualMachine& machine, const CellDescriptors& descriptors);

}  // namespace eremite::cli
