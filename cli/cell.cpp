#include "cli/cell.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "cli/file.hpp"
#include "vmm/balloon/balloon_device.hpp"
#include "vmm/block/block_device.hpp"
#include "vmm/console/console_device.hpp"
#include "vmm/crash/crash_report.hpp"
#include "vmm/entropy/entropy_device.hpp"
#include "vmm/error.hpp"
#include "vmm/fs/device.hpp"
#include "vmm/gdb/server.hpp"
#include "vmm/machine.hpp"
#include "vmm/net/device.hpp"
#include "vmm/net/tap.hpp"
#include "vmm/net/user_network.hpp"
#include "vmm/output.hpp"
#include "vmm/snapshot/file.hpp"
#include "vmm/vsock/device.hpp"

namespace eremite::cli {

namespace {

// QEMU's statuses: that of its device isa-debug-exit, 0 for a machine that ended by itself, 1 for its own failure.
constexpr int failed = 1, ended_by_itself = 0;
constexpr int debug_exit_status(uint32_t value) { return static_cast<int>((value << 1 | 1) & 0xff); }

std::unique_ptr<vmm::net::Backend> network_of(const NetworkInterface& network) {
    if (!network.tap.empty()) return std::make_unique<vmm::net::Tap>(network.tap, network.queues);
    std::vector<vmm::net::PublishedPort> published;
    for (const ForwardedPort& port : network.forwarded)
        published.push_back({.address = port.address, .host_port = port.host_port, .machine_port = port.machine_port, .udp = port.udp, .machine_address = network.machine_address});
    return std::make_unique<vmm::net::UserNetwork>(published);
}

vmm::UniqueFd open_capture(const std::string& path) {
    vmm::UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (!file) throw vmm::system_error("--pcap " + path + ": this file cannot be written");
    return file;
}

vmm::UniqueFd duplicate(int fd) {
    vmm::UniqueFd copy{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    if (!copy) throw vmm::system_error("a standard stream");
    return copy;
}

void add_devices(vmm::Machine& cell, const VirtualMachine& machine, int log) {
    using Host = vmm::virtio::Host;
    cell.add_device([](Host& host, const vmm::GuestMemory&) { return std::make_unique<vmm::entropy::EntropyDevice>(host, "entropy"); });
    for (const SharedFolder& folder : machine.folders)
        cell.add_device([&](Host& host, const vmm::GuestMemory&) { return std::make_unique<vmm::fs::Device>(host, folder.tag, folder.path, folder.read_only); });
    if (!machine.capture.empty())
        cell.add_device([&](Host& host, const vmm::GuestMemory&) {
            return std::make_unique<vmm::console::ConsoleDevice>(host, "capture", open_capture(machine.capture));
        });
    // The program's standard streams, as the kernel argument `streams=console` says.
    const auto add_stream = [&cell](const char* name, int output, int input) {
        cell.add_device([=](Host& host, const vmm::GuestMemory&) {
            return std::make_unique<vmm::console::ConsoleDevice>(host, name, duplicate(output), input < 0 ? vmm::UniqueFd{} : duplicate(input));
        });
    };
    add_stream("stdout", STDOUT_FILENO, STDIN_FILENO);
    add_stream("stderr", log, -1);
    for (const VolumeFile& volume : machine.volumes)
        cell.add_device([&](Host& host, const vmm::GuestMemory&) {
            return std::make_unique<vmm::block::BlockDevice>(host, volume.tag, vmm::block::open_disk(volume.path, volume.read_only), volume.tag);
        });
    if (machine.network)
        cell.add_device([&](Host& host, const vmm::GuestMemory&) {
            return std::make_unique<vmm::net::NetDevice>(host, network_of(*machine.network), vmm::net::Settings{});
        });
    if (machine.balloon)
        cell.add_device([](Host& host, const vmm::GuestMemory& memory) { return std::make_unique<vmm::balloon::BalloonDevice>(host, memory, "balloon"); });
    if (machine.vsock)
        cell.add_device([&](Host& host, const vmm::GuestMemory&) {
            return std::make_unique<vmm::vsock::VsockDevice>(host, "vsock", machine.vsock->path, vmm::vsock::Settings{.cid = machine.vsock->cid});
        });
}

// Sanitizers open files and ask for memory in ways of their own.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool restricted = false;
#else
constexpr bool restricted = true;
#endif

// Lines as the image reports its own (abi/host_channel.hpp), behind what it may have left of one.
void report_text(const std::string& lines, int report) {
    const std::string text = "\n" + lines;
    vmm::write_all(report, std::as_bytes(std::span{text}));
}

void report_figures(const vmm::Figures& figures, int report) {
    std::string lines;
    for (const auto& [name, value] : figures) lines += "stat " + name + " " + std::to_string(value) + "\n";
    if (!lines.empty()) report_text(lines, report);
}

// The signals that end the machine in good order. They are blocked in all threads and wait in a descriptor.
sigset_t ending_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, signal);
    return set;
}

// Dies by the signal that came, so that whoever started this process sees what it was.
void die_by_signal(int signals) {
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof info) != sizeof info) return;
    const auto signal = static_cast<int>(info.ssi_signo);
    std::signal(signal, SIG_DFL);
    const sigset_t set = ending_signals();
    ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
    std::raise(signal);
}

int run(const VirtualMachine& machine, const CellDescriptors& descriptors) {
    const int log = descriptors.log, report = descriptors.report;
    const sigset_t ending = ending_signals();
    ::sigprocmask(SIG_BLOCK, &ending, nullptr);
    const vmm::UniqueFd signals{::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!signals) throw vmm::system_error("signalfd");
    std::optional<vmm::SnapshotFile> snapshot;
    if (!machine.restored.empty()) snapshot.emplace(machine.restored);
    std::optional<MappedFile> image, module;
    if (!snapshot) image.emplace(machine.kernel);
    if (machine.initrd) module.emplace(*machine.initrd);
    vmm::Machine cell{{.name = machine.kernel,
                       .image = image ? image->bytes() : std::span<const std::byte>{},
                       .module = module ? module->bytes() : std::span<const std::byte>{},
                       .command_line = machine.kernel_command_line,
                       .memory = machine.memory,
                       .huge_pages = machine.huge_pages,
                       .cpus = machine.cpus,
                       .affinity = machine.affinity,
                       .tsc_khz = machine.tsc_khz,
                       .orders = {.request = descriptors.snapshot_request, .file = descriptors.snapshot_file, .reply = descriptors.snapshot_reply, .ends = !machine.volumes.empty(), .notes = machine.notes},
                       .snapshot = snapshot ? &*snapshot : nullptr,
                       .input = STDIN_FILENO,
                       .output = STDOUT_FILENO,
                       .log = log,
                       .report = report,
                       .statistics = machine.statistics,
                       .exit_trace = machine.trace_exits ? log : -1,
                       .stop = signals.get(),
                       .restricted = restricted}};
    add_devices(cell, machine, log);
    if (machine.gdb_port) cell.set_debugger(std::make_unique<vmm::gdb::Server>(*machine.gdb_port));
    const vmm::MachineEnd end = cell.run();
    report_figures(end.figures, report);
    if (end.cpu >= 0) report_text(vmm::crash::crash_report(end.cpu, cell.memory()), report);
    if (!end.details.empty()) std::fprintf(stderr, "%s", end.details.c_str());
    switch (end.kind) {
        case vmm::MachineEnd::Kind::Exit:
            // Before the machine itself is taken down, which takes the kernel a while: the command need not wait for that.
            for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, log, report}) ::close(stream);
            return debug_exit_status(end.status);
        case vmm::MachineEnd::Kind::Failed: return failed;
        case vmm::MachineEnd::Kind::Stopped: die_by_signal(signals.get()); return failed;
        case vmm::MachineEnd::Kind::Saved: report_text("exit 0\n", report); break;
        case vmm::MachineEnd::Kind::Reset: break;
    }
    return ended_by_itself;
}

}  // namespace

int run_cell(const VirtualMachine& machine, const CellDescriptors& descriptors) {
    // A reader of the output that goes away is no reason to end.
    std::signal(SIGPIPE, SIG_IGN);
    // Nor is a limit of the size of files (setrlimit(2)), which a disk or a snapshot may reach: to write fails then.
    std::signal(SIGXFSZ, SIG_IGN);
    // One heap for all threads, which hardly use it: each further one would take memory, and a look at the host's processors in /sys.
    ::mallopt(M_ARENA_MAX, 1);
    try {
        return run(machine, descriptors);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return failed;
    }
}

}  // namespace eremite::cli
