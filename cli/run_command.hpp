#pragma once
// `eremite run`: a program in a virtual machine, as if it ran here.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/accelerator.hpp"
#include "cli/mount_option.hpp"
#include "cli/network_option.hpp"
#include "cli/qemu_command.hpp"
#include "cli/share_daemon.hpp"

namespace eremite::cli {

struct RunOptions {
    std::string program;  // as the user typed it
    std::vector<std::string> arguments;
    uint64_t memory = uint64_t{128} << 20;  // bytes
    unsigned cpus = 1;
    std::optional<Vmm> vmm;   // none: what suits the accelerator and the other options
    std::string qemu_option;  // one that is QEMU's alone; empty: none
    std::string cell_option;  // one that is our own monitor's alone
    Machine machine = Machine::Microvm;
    std::optional<Accelerator> accelerator;  // none: what suits this host
    std::string log_level;                   // empty: the image's own
    std::string trace;                       // which system calls are shown; empty: none
    std::vector<std::string> environment;    // NAME=VALUE
    std::optional<std::string> files;        // a folder that becomes the program's /
    std::vector<MountOption> mounts;
    std::vector<MountOption> volumes;
    std::optional<NetworkOption> network;
    std::string vsock;    // as parse_vsock_option() takes it; empty: none
    std::string capture;  // a file for all packets; empty: none
    ShareMethod share = ShareMethod::Auto;  // how these are
    std::string snapshot;  // a file for one; empty: none
    std::string restored;  // a snapshot in the place of a program
    std::optional<uint16_t> gdb_port;
    std::optional<double> timeout;  // seconds
    std::string qemu = "qemu-system-x86_64";
    std::optional<std::string> cpu_model;
    bool count_instructions = false;
    bool dry_run = false;
    bool stats = false;
    bool trace_exits = false;
    bool huge_pages = false;
    bool balloon = false;  // free memory is reported to the host
    std::vector<unsigned> affinity;  // the host's CPU for each of the machine's; empty: any
};

// The program's exit status, or one of exit_status. Throws Failure.
int run_command(const RunOptions& options);

}  // namespace eremite::cli
