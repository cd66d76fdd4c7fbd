#include "cli/restore_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <filesystem>

#include "cli/conclusion.hpp"
#include "cli/failure.hpp"
#include "cli/network_plan.hpp"
#include "cli/session.hpp"
#include "cli/snapshot.hpp"
#include "cli/tap_device.hpp"
#include "cli/vsock_option.hpp"

namespace eremite::cli {

namespace fs = std::filesystem;

namespace {

// What the machine was started with.
void refuse_what_it_has(const RunOptions& options) {
    const RunOptions usual;
    const std::pair<bool, const char*> all[] = {
        {options.vmm == Vmm::Qemu, "--vmm qemu"},
        {!options.qemu_option.empty(), options.qemu_option.c_str()},
        {options.memory != usual.memory, "--memory"},
        {options.cpus != usual.cpus, "--cpus"},
        {options.huge_pages, "--huge-pages"},
        {options.balloon, "--balloon"},
        {!options.environment.empty(), "--env"},
        {options.files.has_value(), "--files"},
        {!options.capture.empty(), "--pcap"},
        {!options.trace.empty(), "--trace"},
        {options.gdb_port.has_value(), "--gdb"},
    };
    for (const auto& [given, name] : all)
        if (given) throw Failure{exit_status::usage, fmt::format("run: {} does not go with --restore: the machine is as it was started", name)};
}

// With those that the user names, in their order.
template <typename File>
void replace_files(std::vector<File>& files, const std::vector<MountOption>& named, const std::string& what) {
    if (!named.empty() && named.size() != files.size()) throw Failure{exit_status::usage, fmt::format("run: {}: give it as many, or none for the same ones", what)};
    for (size_t i = 0; i < named.size(); ++i) {
        files[i].path = fs::absolute(named[i].source).string();
        files[i].read_only = named[i].read_only;
    }
}

}  // namespace

int restore_command(const RunOptions& options) {
    refuse_what_it_has(options);
    const SnapshotNotes notes = read_notes(options.restored);
    VirtualMachine machine = notes.machine;
    machine.restored = options.restored;
    replace_files(machine.volumes, options.volumes, fmt::format("the machine of {} has {} volumes", options.restored, machine.volumes.size()));
    replace_files(machine.folders, options.mounts, fmt::format("the machine of {} has {} folders", options.restored, machine.folders.size()));
    std::vector<std::string> words;
    if (options.network) {
        if (!machine.network) throw Failure{exit_status::usage, fmt::format("run: the machine of {} has no network: leave out --net", options.restored)};
        require_tap(*options.network);
        machine.network = network_interface(*options.network, machine.cpus);
        // Without ip= it keeps the one that it had.
        if (options.network->addresses.empty()) machine.network->machine_address = notes.machine.network->machine_address;
        words = network_arguments(*options.network);
    }
    if (!options.vsock.empty()) {
        if (!machine.vsock) throw Failure{exit_status::usage, fmt::format("run: the machine of {} has no such sockets: leave out --vsock", options.restored)};
        machine.vsock = parse_vsock_option(options.vsock, Vmm::Cell);
    }
    machine.kernel_command_line = fmt::format("{}", fmt::join(words, " "));
    if (!options.snapshot.empty() && fs::exists(options.snapshot) && fs::equivalent(options.snapshot, options.restored))
        throw Failure{exit_status::usage, "run: --snapshot and --restore are the same file: write another one"};
    machine.snapshot = options.snapshot;
    machine.notes = write_notes({.program = notes.program, .terminal = notes.terminal, .machine = machine});
    machine.statistics = options.stats;
    machine.trace_exits = options.trace_exits;
    machine.affinity = options.affinity;
    SessionOptions session{.raw_terminal = notes.terminal && ::isatty(STDIN_FILENO) != 0, .framed_input = !notes.terminal, .timeout = {}, .detached = false};
    if (options.timeout)
        session.timeout = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{*options.timeout});
    return conclude(options, Vmm::Cell, {notes.program}, run_session(std::move(machine), session));
}

}  // namespace eremite::cli
