#include "cli/run_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <list>
#include <memory>
#include <system_error>

#include "cli/command_line.hpp"
#include "cli/compile.hpp"
#include "cli/conclusion.hpp"
#include "cli/cpio_writer.hpp"
#include "cli/elf_image.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/host_facts.hpp"
#include "cli/installation.hpp"
#include "cli/network_plan.hpp"
#include "cli/restore_command.hpp"
#include "cli/session.hpp"
#include "cli/size.hpp"
#include "cli/snapshot.hpp"
#include "cli/tap_device.hpp"
#include "cli/vsock_option.hpp"

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

}  // namespace

int run_command(const RunOptions& options) {
    if (!options.restored.empty()) return restore_command(options);
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
        if (!options.capture.empty() || options.balloon || options.gdb_port)
            throw Failure{exit_status::usage, "run: a machine with --pcap, --balloon or --gdb cannot go into a snapshot: leave these out, or --snapshot"};
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
    std::vector<fs::path> executables{boot.program};
    if (boot.kernel != boot.program) executables.insert(executables.begin(), boot.kernel);
    return conclude(options, monitor.vmm, executables, run_session(std::move(machine), session));
}

}  // namespace eremite::cli
