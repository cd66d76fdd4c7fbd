#include "cli/run_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <list>
#include <memory>
#include <system_error>

#include "cli/backtrace.hpp"
#include "cli/command_line.hpp"
#include "cli/compile.hpp"
#include "cli/cpio_writer.hpp"
#include "cli/elf_image.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/host_facts.hpp"
#include "cli/installation.hpp"
#include "cli/session.hpp"
#include "cli/size.hpp"
#include "cli/snapshot.hpp"
#include "cli/stats_table.hpp"
#include "cli/tap_device.hpp"
#include "cli/vsock_option.hpp"
#include "vmm/vsock/unix_socket.hpp"

namespace eremite::cli {

namespace fs = std::filesystem;

namespace {

// A file in the cache folder that goes with the object, unless it is kept.
class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view contents) : path_{(cache_folder() / fmt::format("files-{}.cpio", ::getpid())).string()} {
        if (!replace_text(path_, contents)) throw Failure{exit_status::eremite_failed, fmt::format("cannot write {}", path_)};
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        std::error_code error;
        if (!kept_) fs::remove(path_, error);
    }
    void keep() { kept_ = true; }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
    bool kept_ = false;
};

// What is booted for a program.
struct Boot {
    std::string program;  // the executable that runs, for backtraces
    std::string kernel;
    std::optional<std::string> initrd;
    std::string init_path;  // of the program inside the initrd, when that is an archive
    std::string argument0;
    std::unique_ptr<TemporaryFile> archive;
};

void check_memory(uint64_t memory, uint64_t needed, const std::string& program) {
    if (needed <= memory) return;
    constexpr uint64_t mib = uint64_t{1} << 20;
    const uint64_t whole_mib = needed / mib + (needed % mib != 0);
    throw Failure{exit_status::eremite_failed,
                  fmt::format("{} needs at least {} MiB of memory to be loaded, and --memory gives {}: use --memory {}M or more", program,
                              whole_mib, format_size(memory), whole_mib)};
}

Boot plan_boot(const RunOptions& options) {
    Boot boot;
    fs::path program = find_program(options.program);
    boot.argument0 = options.program;
    std::error_code error;
    if (is_source(program) && fs::is_regular_file(program, error)) {
        boot.argument0 = fs::path{options.program}.replace_extension().string();
        program = cached_image(program);
    }
    boot.program = program.string();
    const MappedFile file{program};
    const ElfImage image = ElfImage::parse(file.bytes(), program.string());
    if (image.flavour() == ElfFlavour::Dynamic) {
        throw Failure{
            exit_status::not_runnable,
            fmt::format("{}: a dynamic executable: link it with -static, or build it with eremite-c++ (eremite build)", program.string())};
    }
    uint64_t needed = 0;
    const bool linked = image.flavour() == ElfFlavour::LinkedImage;
    if (linked) {
        boot.kernel = boot.program;
        needed = image.physical_end();
    } else {
        boot.kernel = find_kernel().string();
        const MappedFile kernel_file{boot.kernel};
        needed = ElfImage::parse(kernel_file.bytes(), boot.kernel).physical_end() + file.bytes().size() + image.load_size();
        boot.initrd = boot.program;
    }
    if (options.files) {
        CpioWriter archive;
        archive.add_folder(*options.files);
        if (!linked) {
            const std::string inside = fmt::format(".eremite/{}", program.filename().string());
            archive.add_executable(program, inside);
            boot.init_path = "/" + inside;
        }
        const std::string bytes = archive.finish();
        needed += bytes.size();
        boot.archive = std::make_unique<TemporaryFile>(bytes);
        boot.initrd = boot.archive->path();
    }
    check_memory(options.memory, needed, options.program);
    return boot;
}

// By what name the machine knows a mounted folder, and a volume.
std::string mount_tag(size_t index) { return fmt::format("mount{}", index); }
std::string volume_tag(size_t index) { return fmt::format("volume{}", index); }

// What is mounted below another comes after it.
std::vector<std::string> mount_arguments(const RunOptions& options) {
    struct Tagged {
        std::string tag;
        const MountOption* mount;
    };
    std::vector<Tagged> all;
    for (size_t i = 0; i < options.volumes.size(); ++i) all.push_back({volume_tag(i), &options.volumes[i]});
    for (size_t i = 0; i < options.mounts.size(); ++i) all.push_back({mount_tag(i), &options.mounts[i]});
    std::ranges::stable_sort(all, {}, [](const Tagged& tagged) { return tagged.mount->path.size(); });
    std::vector<std::string> words;
    for (const auto& [tag, mount] : all)
        words.push_back(fmt::format("mount={}:{}{}{}{}", tag, mount->path, mount->read_only ? ":ro" : "", mount->uncached ? ":uncached" : "",
                                    mount->patience ? fmt::format(":patience={}", *mount->patience) : ""));
    return words;
}

std::vector<std::string> network_arguments(const NetworkOption& network) {
    std::vector<std::string> words;
    for (const std::string& address : network.addresses) words.push_back("ip=" + address);
    for (const std::string& gateway : network.gateways) words.push_back("gateway=" + gateway);
    if (!network.name_servers.empty()) words.push_back(fmt::format("dns={}", fmt::join(network.name_servers, ",")));
    if (!network.mtu.empty()) words.push_back("mtu=" + network.mtu);
    return words;
}

NetworkInterface network_interface(const NetworkOption& network, unsigned cpus) {
    const unsigned queues = network.tap.empty() ? 1 : tap_queues(takes_several_queues(network.tap), cpus);
    NetworkInterface interface{.tap = network.tap, .queues = queues, .machine_address = {}, .forwarded = {}};
    for (const std::string& address : network.addresses)
        if (address.find(':') == std::string::npos) interface.machine_address = address.substr(0, address.find('/'));
    for (const PublishedPort& port : network.published) interface.forwarded.push_back({port.address, port.host_port, port.program_port, port.udp});
    return interface;
}

std::vector<std::string> kernel_arguments(const RunOptions& options, Vmm vmm, const Boot& boot, uint64_t tsc_khz, bool terminal) {
    std::vector<std::string> words{"arg0=" + boot.argument0};
    if (!options.log_level.empty()) words.push_back("log=" + options.log_level);
    words.push_back(fmt::format("cpus={}", options.cpus));
    if (tsc_khz != 0) words.push_back(fmt::format("tsc_mhz={}.{:03}", tsc_khz / 1000, tsc_khz % 1000));
    words.emplace_back(terminal ? "tty=1" : "tty=0");
    if (!terminal) words.emplace_back("stdin=framed");
    if (vmm == Vmm::Cell) words.emplace_back("streams=console");
    if (options.stats) words.emplace_back("stats=1");
    if (options.balloon) words.emplace_back("balloon=1");
    if (!options.trace.empty()) words.push_back(options.trace == "*" ? "trace=syscalls" : "trace=syscalls:" + options.trace);
    if (!boot.init_path.empty()) words.push_back("init=" + boot.init_path);
    std::ranges::copy(mount_arguments(options), std::back_inserter(words));
    if (options.network) std::ranges::copy(network_arguments(*options.network), std::back_inserter(words));
    if (!options.capture.empty()) words.emplace_back("pcap=console");
    for (const std::string& variable : options.environment) words.push_back("env." + variable);
    return words;
}

// Starts a daemon for the folder where that is what is wanted. The daemon cannot keep the machine from writing, and a command that is
// only printed has nobody to start one: both go by 9p.
void start_daemon(const RunOptions& options, SharedFolder& folder, std::list<ShareDaemon>& daemons) {
    const bool needed = options.share == ShareMethod::VirtioFs;
    if (options.share == ShareMethod::Ninep || (!needed && (folder.read_only || options.dry_run))) return;
    std::string why;
    if (folder.read_only) why = "virtiofsd cannot make a folder read-only";
    else if (options.dry_run) why = "--dry-run starts nothing";
    const auto program = why.empty() ? ShareDaemon::find(why) : std::nullopt;
    if (!program) {
        if (!needed) return;
        throw Failure{exit_status::eremite_failed, fmt::format("--share virtio-fs: {}", why)};
    }
    try {
        folder.daemon = daemons.emplace_back(*program, folder.path).machine_end();
    } catch (const Failure& failure) {
        if (needed) throw;
        if (options.log_level == "debug") fmt::print(stderr, "eremite: {} is shared by 9p: {}\n", folder.path, failure.what());
    }
}

std::string hint_for(std::string_view messages, const RunOptions& options) {
    if (options.network) {
        if (const std::string why = explain_network_failure(messages, *options.network); !why.empty()) return why;
    }
    const auto says = [messages](std::string_view text) { return messages.find(text) != std::string_view::npos; };
    if (says("Could not access KVM") || says("failed to initialize kvm"))
        return "KVM is not usable here; run with --accel tcg, or see `eremite doctor`";
    if (says("id=capture")) return fmt::format("--pcap {}: this file cannot be written", options.capture);
    if (says("Address already in use")) return "another program listens on the debugger's port; choose one with --gdb PORT";
    if (says("Failed to get \"write\" lock") || says("Failed to get shared \"write\" lock"))
        return "another machine has this volume: only one at a time can, unless all mount it with :ro";
    if (says("cannot set up guest memory") || says("Cannot allocate memory"))
        return "this host has not that much memory; use a smaller --memory";
    if (says("Invalid SMP CPUs") || says("maxcpus")) return "this machine cannot have so many CPUs; use a smaller --cpus";
    return "see `eremite doctor` for what this host can do, and --dry-run for the command";
}

// QEMU does not say when the file that it writes is cut short, by a full disk for one.
void check_capture(const RunOptions& options, const Report& report) {
    const auto captured = report.stat("network.captured_bytes");
    std::error_code error;
    if (!captured || !fs::is_regular_file(options.capture, error) || fs::file_size(options.capture, error) == *captured) return;
    fmt::print(stderr, "eremite: --pcap {}: the file is not complete: {} bytes of packets were captured\n", options.capture, *captured);
}

// The exit status that a finished session amounts to, with a message where it is not the program's.
int conclude(const RunOptions& options, Vmm vmm, const Boot& boot, const SessionEnd& end) {
    for (const std::string& line : end.report.malformed)
        fmt::print(stderr, "eremite: the image reported something not understood: {}\n", line);
    if (end.report.crashed) {
        const std::vector<fs::path> executables = boot.kernel.empty() || boot.kernel == boot.program ? std::vector<fs::path>{boot.program} : std::vector<fs::path>{boot.kernel, boot.program};
        fmt::print(stderr, "the machine failed:\n{}", describe_crash(executables, end.report));
    } else if (end.report.fault) {
        fmt::print(stderr, "{}", describe_fault(boot.program, end.report));
    }
    if (options.stats) fmt::print(stderr, "{}", format_stats(end));
    check_capture(options, end.report);
    if (end.report.exit_status) return *end.report.exit_status;
    if (end.report.fault) return exit_status::signal_base + end.report.fault->signal;
    if (end.ended_by_signal) return exit_status::signal_base + *end.ended_by_signal;
    if (end.timed_out) {
        fmt::print(stderr, "eremite: stopped after {} s (--timeout)\n", *options.timeout);
        return exit_status::timed_out;
    }
    if (WIFSIGNALED(end.wait_status)) {
        throw Failure{exit_status::eremite_failed, fmt::format("{} died by signal {}\n{}", vmm == Vmm::Cell ? "cell" : "QEMU", WTERMSIG(end.wait_status), end.vmm_messages)};
    }
    const bool failed_to_start = !end.output_seen && !end.vmm_messages.empty();
    if (failed_to_start) {
        throw Failure{exit_status::eremite_failed,
                      vmm == Vmm::Cell ? end.vmm_messages.substr(0, end.vmm_messages.find_last_not_of('\n') + 1) : fmt::format("QEMU did not start:\n{}{}", end.vmm_messages, hint_for(end.vmm_messages, options))};
    }
    const int status = WEXITSTATUS(end.wait_status);
    // The debug-exit device: QEMU's status is the guest's, doubled, plus one. A program that ends well reports that, so that 1 alone
    // is QEMU's own failure.
    if (status % 2 == 1 && status != 1) return status / 2;
    if (status != 0) {
        throw Failure{exit_status::eremite_failed,
                      fmt::format("{} ended with status {} before the program did\n{}", vmm == Vmm::Cell ? "cell" : fmt::format("QEMU ({})", options.qemu), status,
                                  end.vmm_messages)};
    }
    throw Failure{
        exit_status::eremite_failed,
        fmt::format("the machine ended without an exit status: it reset itself (a triple fault in the kernel) or was switched off\n{}",
                    end.vmm_messages)};
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

SessionEnd run_with_sockets(VirtualMachine machine, const SessionOptions& session) {
    const std::string sockets = machine.vsock ? machine.vsock->path : "";
    SessionEnd end = run_session(std::move(machine), session);
    // The monitor, which may not touch files any more when it ends, has left its socket there.
    if (!sockets.empty()) vmm::vsock::remove_left_over(sockets);
    return end;
}

// Goes on from a snapshot, whose devices may have others behind them now.
int restore(const RunOptions& options) {
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
        words = network_arguments(*options.network);
    }
    if (!options.vsock.empty()) {
        if (!machine.vsock) throw Failure{exit_status::usage, fmt::format("run: the machine of {} has no such sockets: leave out --vsock", options.restored)};
        machine.vsock = parse_vsock_option(options.vsock, Vmm::Cell);
    }
    machine.kernel_command_line = fmt::format("{}", fmt::join(words, " "));
    machine.snapshot = options.snapshot;
    machine.notes = write_notes({.program = notes.program, .terminal = notes.terminal, .machine = machine});
    machine.statistics = options.stats;
    machine.trace_exits = options.trace_exits;
    machine.affinity = options.affinity;
    Boot boot;
    boot.program = notes.program;
    SessionOptions session{.raw_terminal = notes.terminal && ::isatty(STDIN_FILENO) != 0, .framed_input = !notes.terminal, .timeout = {}, .detached = false};
    if (options.timeout)
        session.timeout = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{*options.timeout});
    return conclude(options, Vmm::Cell, boot, run_with_sockets(std::move(machine), session));
}

}  // namespace

int run_command(const RunOptions& options) {
    if (!options.restored.empty()) return restore(options);
    Boot boot = plan_boot(options);
    const HostFacts facts = host_facts();
    AcceleratorChoice choice = choose_accelerator(options.machine, facts.kvm);
    if (options.accelerator) choice = {*options.accelerator, "the user's choice"};
    // Instructions are only counted under TCG.
    if (options.count_instructions) choice = {Accelerator::Tcg, "instructions are counted"};
    if (options.vmm == Vmm::Cell) choice = {Accelerator::Kvm, "cell knows nothing else"};
    const VmmChoice monitor = options.vmm ? VmmChoice{*options.vmm, "the user's choice"} : choose_vmm(choice.accelerator, options.qemu_option);
    if (monitor.vmm == Vmm::Qemu && !options.cell_option.empty()) {
        throw Failure{exit_status::usage, fmt::format("run: {} is for cell, and QEMU runs the machine ({}): use --vmm cell", options.cell_option, monitor.reason)};
    }
    const fs::path qemu = monitor.vmm == Vmm::Cell ? fs::path{} : find_qemu(options.qemu);
    // With one end of the program elsewhere, our terminal keeps its line editing, and its end of input is passed on.
    const bool terminal = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
    constexpr uint64_t counted_tsc_khz = 1'000'000;
    VirtualMachine machine;
    machine.vmm = monitor.vmm;
    machine.qemu = qemu.string();
    machine.machine = options.machine;
    machine.accelerator = choice.accelerator;
    machine.memory = options.memory;
    machine.cpus = options.cpus;
    machine.cpu_model = options.cpu_model;
    machine.count_instructions = options.count_instructions;
    machine.tsc_khz = facts.tsc_khz;
    machine.kernel = boot.kernel;
    machine.initrd = boot.initrd;
    machine.kernel_command_line = kernel_command_line(
        kernel_arguments(options, monitor.vmm, boot, options.count_instructions ? counted_tsc_khz : facts.tsc_khz, terminal), options.arguments);
    for (const MountOption& volume : options.volumes)
        machine.volumes.push_back({volume_tag(machine.volumes.size()), fs::absolute(volume.source).string(), volume.read_only});
    if (options.network) machine.network = network_interface(*options.network, options.cpus);
    if (!options.vsock.empty()) machine.vsock = parse_vsock_option(options.vsock, monitor.vmm);
    if (!options.capture.empty()) machine.capture = fs::absolute(options.capture).string();
    std::list<ShareDaemon> daemons;
    for (const MountOption& mount : options.mounts) {
        machine.folders.push_back({mount_tag(machine.folders.size()), fs::absolute(mount.source).string(), mount.read_only});
        if (monitor.vmm == Vmm::Qemu) start_daemon(options, machine.folders.back(), daemons);  // cell serves folders itself
    }
    machine.gdb_port = options.gdb_port;
    machine.statistics = options.stats;
    machine.trace_exits = options.trace_exits;
    machine.huge_pages = options.huge_pages;
    machine.balloon = options.balloon;
    machine.affinity = options.affinity;
    machine.snapshot = options.snapshot;
    if (!options.snapshot.empty()) {
        if (!options.capture.empty() || options.balloon)
            throw Failure{exit_status::usage, "run: a machine with --pcap or --balloon cannot go into a snapshot: leave these out, or --snapshot"};
        machine.notes = write_notes({.program = fs::absolute(boot.program).string(), .terminal = terminal, .machine = machine});
    }
    if (options.dry_run) {
        if (boot.archive) boot.archive->keep();
        fmt::print("{}\n", shell_command(qemu_command(machine)));
        return 0;
    }
    if (options.network) require_tap(*options.network);
    if (machine.vsock) require_vsock(*machine.vsock);
    if (options.log_level == "debug") {
        fmt::print(stderr, "eremite: accelerator {}: {}\n", name_of(choice.accelerator), choice.reason);
        fmt::print(stderr, "eremite: monitor {}: {}\n", name_of(monitor.vmm), monitor.reason);
    }
    if (options.gdb_port) {
        fmt::print(stderr, "eremite: the machine waits for a debugger; in another terminal: {}\n",
                   shell_command({"gdb", boot.program, "-ex", fmt::format("target remote localhost:{}", *options.gdb_port)}));
    }
    SessionOptions session{.raw_terminal = terminal, .framed_input = !terminal, .timeout = {}, .detached = false};
    if (options.timeout)
        session.timeout = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{*options.timeout});
    return conclude(options, monitor.vmm, boot, run_with_sockets(std::move(machine), session));
}

}  // namespace eremite::cli
