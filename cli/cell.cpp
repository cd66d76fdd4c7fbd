#include "cli/cell.hpp"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <optional>

#include "cli/file.hpp"
#include "vmm/machine.hpp"

namespace eremite::cli {

namespace {

// QEMU's statuses: that of its device isa-debug-exit, 0 for a machine that ended by itself, 1 for its own failure.
constexpr int failed = 1, ended_by_itself = 0;
constexpr int debug_exit_status(uint32_t value) { return static_cast<int>((value << 1 | 1) & 0xff); }

int run(const VirtualMachine& machine, int log, int report) {
    const MappedFile image{machine.kernel};
    std::optional<MappedFile> module;
    if (machine.initrd) module.emplace(*machine.initrd);
    vmm::Machine cell{{.name = machine.kernel,
                       .image = image.bytes(),
                       .module = module ? module->bytes() : std::span<const std::byte>{},
                       .command_line = machine.kernel_command_line,
                       .memory = machine.memory,
                       .cpus = machine.cpus,
                       .tsc_khz = machine.tsc_khz,
                       .input = STDIN_FILENO,
                       .output = STDOUT_FILENO,
                       .log = log,
                       .report = report}};
    const vmm::MachineEnd end = cell.run();
    if (!end.details.empty()) std::fprintf(stderr, "%s", end.details.c_str());
    switch (end.kind) {
        case vmm::MachineEnd::Kind::Exit: return debug_exit_status(end.status);
        case vmm::MachineEnd::Kind::Failed: return failed;
        case vmm::MachineEnd::Kind::Reset:
        case vmm::MachineEnd::Kind::Stopped: break;
    }
    return ended_by_itself;
}

}  // namespace

int run_cell(const VirtualMachine& machine, int log, int report) {
    try {
        return run(machine, log, report);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return failed;
    }
}

}  // namespace eremite::cli
