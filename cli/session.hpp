#pragma once
// One run of QEMU or of our own monitor: starts it, carries the program's input and outputs between our streams and its pipes without changing a byte,
// and gathers what it reports.
#include <chrono>
#include <optional>
#include <string>

#include "cli/qemu_command.hpp"
#include "cli/report.hpp"

namespace eremite::cli {

struct SessionOptions {
    bool raw_terminal = false;  // our standard input is a terminal that the program shall have for itself
    bool framed_input = false;  // the image expects its input as abi::stdin_escape describes
    std::optional<std::chrono::nanoseconds> timeout;
    // Without our streams: no input, and the outputs go nowhere. For trials.
    bool detached = false;
};

struct SessionEnd {
    Report report;
    int wait_status = 0;        // the monitor's, as of waitpid(2)
    std::string vmm_messages;  // its standard error
    bool output_seen = false;   // the image said anything at all
    bool timed_out = false;
    std::optional<int> ended_by_signal;  // that this process received; SIGPIPE when nobody reads our output any more
    // From QEMU's start to the last report line that came before its end.
    std::chrono::nanoseconds until_exit_report{};
    std::chrono::nanoseconds until_end{};
    std::optional<std::chrono::nanoseconds> until_output;  // the program's first; none: there was none
};

// Runs the machine to its end. Its log and report paths are set here. Throws Failure when QEMU cannot be started.
SessionEnd run_session(VirtualMachine machine, const SessionOptions& options);

}  // namespace eremite::cli
