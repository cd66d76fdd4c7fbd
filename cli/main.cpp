// The `eremite` command: reads its command line and hands over to one of the sub-commands.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cctype>
#include <cmath>
#include <map>

#include "cli/affinity_option.hpp"
#include "cli/build_command.hpp"
#include "cli/config_option.hpp"
#include "cli/doctor_command.hpp"
#include "cli/failure.hpp"
#include "cli/info_command.hpp"
#include "cli/run_command.hpp"
#include "cli/size.hpp"
#include "cli/volume_command.hpp"

namespace eremite::cli {

namespace {

constexpr unsigned most_cpus = 64;
constexpr uint64_t smallest_memory = 1 << 20;

// `--gdb PORT` as `--gdb=PORT`: the port may be left out, and what follows may be the program.
std::vector<std::string> join_gdb_port(int argc, char** argv) {
    std::vector<std::string> words;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const bool is_number = !word.empty() && std::ranges::all_of(word, [](unsigned char c) { return std::isdigit(c) != 0; });
        if (is_number && !words.empty() && words.back() == "--gdb") {
            words.back() += "=" + word;
        } else {
            words.push_back(word);
        }
    }
    return words;
}

struct RunWords {
    RunOptions options;
    std::string config;
    std::string memory = "128M";
    std::string affinity;
    std::string vmm = "auto";
    std::string machine = "microvm";
    std::string accelerator = "auto";
    std::vector<std::string> mounts;
    std::vector<std::string> volumes;
    std::string network;
    std::vector<std::string> published;
    std::string share = "auto";
    int gdb_port = 0;
};

void define_run(CLI::App& app, RunWords& words) {
    app.add_option("--config", words.config, "A TOML file with any of these options, by their long names, and `program` and `arguments`; the command line goes before it")->type_name("FILE");
    app.add_option("--memory", words.memory, "Memory of the machine: 8M, 1G")->capture_default_str();
    app.add_option("--cpus", words.options.cpus, "Number of CPUs")->check(CLI::Range(1U, most_cpus))->capture_default_str();
    app.add_option("--affinity", words.affinity, "Which CPU of the host each of these runs on, in their order: 0,2-3 (cell)")->type_name("LIST");
    app.add_flag("--balloon", words.options.balloon, "Memory that the program does not use any more goes back to the host (cell)");
    app.add_flag("--huge-pages", words.options.huge_pages, "Memory of the host's pool of huge pages, all of it at once (cell)");
    app.add_option("--vmm", words.vmm, "What runs the machine: qemu, or cell, our own monitor for KVM; auto is cell where KVM is used and no option is QEMU's alone")
        ->check(CLI::IsMember({"auto", "qemu", "cell"}))
        ->capture_default_str();
    app.add_option("--machine", words.machine, "microvm boots fastest; q35 is a PC with PCI")
        ->check(CLI::IsMember({"microvm", "q35"}))
        ->capture_default_str();
    app.add_option("--accel", words.accelerator, "auto measures this host and chooses")
        ->check(CLI::IsMember({"auto", "kvm", "tcg"}))
        ->capture_default_str();
    app.add_option("--log", words.options.log_level, "What the kernel logs, on standard error")
        ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
    app.add_option("--env", words.options.environment, "NAME=VALUE for the program, which inherits nothing; repeatable")
        ->allow_extra_args(false);
    app.add_option("--files", words.options.files, "A folder that becomes the program's /")->type_name("FOLDER");
    app.add_option("--mount", words.mounts, "HOSTDIR:/path[:ro], a folder that the program sees there; repeatable")->allow_extra_args(false);
    app.add_option("--volume", words.volumes, "FILE:/path[:ro], a volume (`eremite volume create`) that the program sees there; repeatable")
        ->allow_extra_args(false);
    app.add_option("--net", words.network,
                   "user: through QEMU, as a program of the host; tap:NAME: a TAP device of the host, with a pair of queues for each CPU if it takes several. Behind these, if wanted: ,ip=ADDRESS/LENGTH "
                   "(else DHCP), ,gateway=ADDRESS, ,dns=ADDRESS, ,mtu=BYTES");
    app.add_option("--publish", words.published, "[ADDRESS:]PORT:PORT[/udp], a port of the host that leads to one of the program; repeatable")
        ->allow_extra_args(false);
    app.add_option("--pcap", words.options.capture, "A file for all packets that the program's machine sends and receives, for Wireshark and tcpdump")->type_name("FILE");
    app.add_option("--vsock", words.options.vsock, "Sockets (AF_VSOCK) between this host and the program. With --vmm cell, the path of a Unix socket, at which programs write \"CONNECT <port>\"; the program reaches PATH_<port>. With QEMU, the machine's number")->type_name("PATH|NUMBER");
    app.add_option("--share", words.share, "How folders are mounted: auto is virtio-fs where virtiofsd runs (as root, not for :ro), else 9p")
        ->check(CLI::IsMember({"auto", "virtio-fs", "9p"}))
        ->capture_default_str();
    app.add_option("--snapshot", words.options.snapshot, "Write the running machine to this file when SIGUSR1 comes, and go on; with a --volume, whose file belongs to the snapshot as it is then, end (cell)")->type_name("FILE");
    app.add_option("--restore", words.options.restored, "Go on from a snapshot, in the place of a PROGRAM; its --mount, --volume and --net may be others (cell)")->type_name("FILE");
    app.add_flag("--gdb{1234}", words.gdb_port, "Wait for gdb before the first instruction, on this port")->type_name("[PORT]");
    app.add_option("--timeout", words.options.timeout, "Stop after this many seconds, with exit status 124")->check([](const std::string& text) {
            double seconds = 0;
            return CLI::detail::lexical_cast(text, seconds) && seconds > 0 && std::isfinite(seconds) ? std::string{} : text + " is not a positive number of seconds";
        });
    app.add_option("--cpu-model", words.options.cpu_model, "QEMU's name for the CPU, e.g. max; auto-chosen without it (emulated: without AVX2)");
    app.add_option("--qemu", words.options.qemu, "The emulator")->capture_default_str();
    app.add_flag("--icount", words.options.count_instructions, "Count instructions: each takes one nanosecond of the machine's time (TCG)");
    app.add_flag("--trace{*}", words.options.trace, "Show system calls and signals on standard error as strace does; the pattern is that of strace -e trace=")
        ->type_name("[=PATTERN]");
    app.add_flag("--dry-run", words.options.dry_run, "Print the QEMU command and do nothing");
    app.add_flag("--stats", words.options.stats, "Print times and counts after the run, on standard error");
    app.add_flag("--trace-exits", words.options.trace_exits, "Show on standard error why processors come out of the machine, each time (cell)");
    app.footer(
        "PROGRAM: an Eremite image, a static Linux executable, a C, C++ or Fortran source, or the name of an example.\nWhat follows it "
        "(after -- or not) are its arguments.");
    app.prefix_command();
}

// The option that is QEMU's alone, or nothing.
std::string_view qemu_option(const RunWords& words) {
    if (words.machine != "microvm") return "--machine";
    if (words.accelerator == "tcg") return "--accel tcg";
    if (words.share == "9p") return "--share 9p";
    if (words.options.qemu != RunOptions{}.qemu) return "--qemu";
    if (words.options.cpu_model) return "--cpu-model";
    if (words.options.count_instructions) return "--icount";
    if (words.options.dry_run) return "--dry-run";
    return {};
}

// The option that is our own monitor's alone, or nothing.
std::string_view cell_option(const RunWords& words) {
    if (!words.options.snapshot.empty()) return "--snapshot";
    if (!words.options.restored.empty()) return "--restore";
    if (words.options.trace_exits) return "--trace-exits";
    if (words.options.huge_pages) return "--huge-pages";
    if (words.options.balloon) return "--balloon";
    if (!words.affinity.empty()) return "--affinity";
    return {};
}

// `rest`: what stands behind the options.
void take_program(std::vector<std::string> rest, RunOptions& options) {
    if (!options.restored.empty()) {
        if (!rest.empty()) throw Failure{exit_status::usage, fmt::format("run: {}: a machine that goes on from a snapshot has its program (see `eremite run --help`)", rest[0])};
        return;
    }
    if (rest.empty()) throw Failure{exit_status::usage, "run: no PROGRAM given (see `eremite run --help`)"};
    if (rest[0].starts_with("-") && rest[0] != "--")
        throw Failure{exit_status::usage, fmt::format("run: unknown option {} (see `eremite run --help`)", rest[0])};
    if (rest[0] == "--") rest.erase(rest.begin());
    if (rest.empty()) throw Failure{exit_status::usage, "run: no PROGRAM given (see `eremite run --help`)"};
    options.program = rest[0];
    rest.erase(rest.begin());
    if (!rest.empty() && rest[0] == "--") rest.erase(rest.begin());
    options.arguments = std::move(rest);
}

// The program and its arguments: those of the command line, or else of the file, whose options count now.
std::vector<std::string> take_config(CLI::App& app, const RunWords& words) {
    std::vector<std::string> rest = app.remaining();
    if (words.config.empty()) return rest;
    const Config config = read_config(words.config);
    apply_config(config, app);
    if (!rest.empty() || !config.program) return rest;
    rest = {"--", *config.program, "--"};
    rest.insert(rest.end(), config.arguments.begin(), config.arguments.end());
    return rest;
}

RunOptions finish_run(CLI::App& app, RunWords& words) {
    RunOptions& options = words.options;
    take_program(take_config(app, words), options);
    const auto memory = parse_size(words.memory);
    if (!memory || *memory < smallest_memory) {
        throw Failure{exit_status::usage, fmt::format("run: --memory {}: not a size of 1 MiB or more; write 8M or 1G", words.memory)};
    }
    options.memory = *memory;
    options.machine = words.machine == "q35" ? Machine::Q35 : Machine::Microvm;
    if (words.accelerator == "kvm") options.accelerator = Accelerator::Kvm;
    if (words.accelerator == "tcg") options.accelerator = Accelerator::Tcg;
    if (options.count_instructions && words.accelerator == "kvm")
        throw Failure{exit_status::usage, "run: --icount needs TCG; leave out --accel kvm"};
    if (words.vmm != "auto") options.vmm = words.vmm == "cell" ? Vmm::Cell : Vmm::Qemu;
    for (const std::string& variable : options.environment) {
        const size_t equals = variable.find('=');
        if (equals == 0 || equals == std::string::npos)
            throw Failure{exit_status::usage, fmt::format("run: --env {}: write NAME=VALUE", variable)};
    }
    if (words.share != "auto") options.share = words.share == "9p" ? ShareMethod::Ninep : ShareMethod::VirtioFs;
    for (const std::string& mount : words.mounts) options.mounts.push_back(parse_mount_option(mount));
    for (const std::string& volume : words.volumes) options.volumes.push_back(parse_volume_option(volume));
    if (!words.network.empty() || !words.published.empty()) options.network = network_option(words.network, words.published);
    if (words.gdb_port < 0 || words.gdb_port > UINT16_MAX)
        throw Failure{exit_status::usage, fmt::format("run: --gdb {}: not a port", words.gdb_port)};
    if (words.gdb_port != 0) options.gdb_port = static_cast<uint16_t>(words.gdb_port);
    if (!words.affinity.empty()) options.affinity = parse_cpu_list(words.affinity);
    options.qemu_option = qemu_option(words);
    options.cell_option = cell_option(words);
    if (options.vmm == Vmm::Cell && !options.qemu_option.empty())
        throw Failure{exit_status::usage, fmt::format("run: {} is for --vmm qemu; leave it out, or leave out --vmm cell", options.qemu_option)};
    return options;
}

int run(int argc, char** argv) {
    CLI::App app{"Eremite runs a program in a virtual machine without an operating system."};
    app.name("eremite");
    app.require_subcommand(1);
    app.set_version_flag("--version", EREMITE_VERSION);
    CLI::App& run_app = *app.add_subcommand("run", "Run a program in a virtual machine");
    RunWords run_words;
    define_run(run_app, run_words);

    CLI::App& build_app = *app.add_subcommand("build", "Make an image from C, C++ or Fortran sources");
    BuildOptions build_options;
    build_app.add_option("SOURCE", build_options.sources, "The sources")->required();
    build_app.add_option("-o,--output", build_options.image, "The image")->required();
    build_app.footer("Options for the compiler and the linker follow --.");

    CLI::App& info_app = *app.add_subcommand("info", "Tell what an executable is and whether it can run");
    InfoOptions info_options;
    info_app.add_option("IMAGE", info_options.image, "The executable")->required();
    info_app.add_flag("--json", info_options.json, "For programs to read");

    CLI::App& volume_app = *app.add_subcommand("volume", "Make volumes: files with an ext4 file system, for `eremite run --volume`");
    volume_app.require_subcommand(1);
    CLI::App& create_volume_app = *volume_app.add_subcommand("create", "Make a volume");
    VolumeOptions volume_options;
    create_volume_app.add_option("FILE", volume_options.file, "The volume's file, which must not exist")->required();
    create_volume_app.add_option("--size", volume_options.size, "What fits into it, about; the file grows as it fills: 64M, 1G")->required();
    create_volume_app.add_option("--label", volume_options.label, "The volume's name");
    create_volume_app.footer("Linux mounts such a file too: mount -o loop FILE FOLDER.");

    CLI::App& doctor_app = *app.add_subcommand("doctor", "Tell what this host can do, and what is missing");

    std::vector<std::string> words = join_gdb_port(argc, argv);
    // What follows -- belongs to the compiler, whatever it looks like.
    if (!words.empty() && words[0] == "build") {
        const auto mark = std::ranges::find(words, "--");
        if (mark != words.end()) {
            build_options.flags.assign(mark + 1, words.end());
            words.erase(mark, words.end());
        }
    }
    std::ranges::reverse(words);
    try {
        app.parse(std::move(words));
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        const bool no_command = app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-';
        throw Failure{exit_status::usage, no_command ? fmt::format("{}: no such command (see `eremite --help`)", argv[1])
                                                     : fmt::format("{} (see `eremite {}--help`)", error.what(),
                                                                   app.get_subcommands().empty() ? "" : app.get_subcommands()[0]->get_name() + " ")};
    }
    if (run_app.parsed()) return run_command(finish_run(run_app, run_words));
    if (build_app.parsed()) return build_command(build_options);
    if (info_app.parsed()) return info_command(info_options);
    if (create_volume_app.parsed()) return create_volume_command(volume_options);
    if (doctor_app.parsed()) return doctor_command();
    return exit_status::usage;
}

}  // namespace

}  // namespace eremite::cli

int main(int argc, char** argv) {
    using namespace eremite::cli;
    // A standard stream that is closed must not become the number of a file or pipe of ours.
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != stream) return exit_status::eremite_failed;
    }
    try {
        return run(argc, argv);
    } catch (const Failure& failure) {
        fmt::print(stderr, "eremite: {}\n", failure.what());
        return failure.status();
    } catch (const std::exception& error) {
        fmt::print(stderr, "eremite: {}\n", error.what());
        return exit_status::eremite_failed;
    }
}
