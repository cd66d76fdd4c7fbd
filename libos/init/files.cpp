#include "libos/init/files.hpp"

#include <algorithm>
#include <cstring>

#include "libos/arch/cpu.hpp"
#include "libos/fs/initramfs.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/proc/source.hpp"
#include "libos/fs/root.hpp"
#include "libos/init/boot_memory.hpp"
#include "libos/init/elf_loader.hpp"
#include "libos/init/executable_file.hpp"
#include "libos/init/layout.hpp"
#include "libos/log/log.hpp"
#include "libos/random/random.hpp"
#include "libos/arch/smp.hpp"
#include "libos/sched/threads.hpp"
#include "libos/syscall/process.hpp"

namespace eremite::init {

namespace {

std::span<const uint8_t> contents(PhysicalRange module) {
    // SAFETY: the direct map reaches every boot module.
    return {direct_map(module.start).as<const uint8_t>(), module.size()};
}

bool is_elf(PhysicalRange module) {
    constexpr std::string_view magic = "\177ELF";
    const auto bytes = contents(module);
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

// Words as /proc/self/cmdline shows them, each with its final zero. Kept for good.
Result<std::span<const char>> zero_terminated(std::span<const std::string_view> words) {
    size_t size = 0;
    for (std::string_view word : words) size += word.size() + 1;
    char* const text = new (std::nothrow) char[size + 1];
    if (!text) return Error{ENOMEM};
    char* at = text;
    for (std::string_view word : words) {
        at = std::copy(word.begin(), word.end(), at);
        *at++ = 0;
    }
    return std::span<const char>{text, size};
}

// What /proc/self/exe shows is absolute: C libraries insist.
Result<std::string_view> absolute_path(std::string_view name) {
    if (name.starts_with('/')) return name;
    while (name.starts_with("./")) name.remove_prefix(2);
    const std::string_view parts[] = {"/", name};
    char* const path = new (std::nothrow) char[1 + name.size()];
    if (!path) return Error{ENOMEM};
    char* at = path;
    for (std::string_view part : parts) at = std::copy(part.begin(), part.end(), at);
    return std::string_view{path, 1 + name.size()};
}

std::string_view main_thread_name() {
    return sched::main_thread().name;
}

// As execve(2) does: the last part of the program's path.
void name_main_thread(std::string_view path) {
    char(&name)[16] = sched::current_thread().name;
    const std::string_view base = path.substr(path.rfind('/') + 1).substr(0, sizeof name - 1);
    std::fill(std::begin(name), std::end(name), '\0');
    std::copy(base.begin(), base.end(), name);
}

uint64_t sum_over_cpus(uint64_t (*of_one)(unsigned cpu)) {
    uint64_t sum = 0;
    for (unsigned cpu = 0; cpu < arch::cpu_count(); ++cpu) sum += of_one(cpu);
    return sum;
}

uint64_t interrupts() {
    return sum_over_cpus([](unsigned cpu) { return arch::cpu_counts(cpu).interrupts; });
}

uint64_t context_switches() {
    return sum_over_cpus([](unsigned cpu) { return sched::counts(cpu).context_switches; });
}

Result<void> describe_machine(const KernelArguments& arguments) {
    static arch::CpuDescription cpu;
    static char features[512];
    cpu = arch::describe_cpu();
    fs::proc::Source& source = fs::proc::source();
    source.host_name = syscall::current_host_name;
    source.threads = sched::thread_count;
    source.running_threads = sched::runnable_count;
    source.interrupts = interrupts;
    source.context_switches = context_switches;
    source.cpu_count = arch::cpu_count();
    source.command_name = main_thread_name;
    source.cpu_vendor = cpu.vendor;
    source.cpu_model = cpu.brand[0] ? cpu.brand : "unknown";
    source.cpu_flags = {features, arch::describe_features(features, sizeof features)};
    source.cpu_family = cpu.family;
    source.cpu_model_number = cpu.model;
    source.cpu_stepping = cpu.stepping;
    source.executable = TRY(absolute_path(arguments.program_name));
    name_main_thread(source.executable);
    source.command_line = TRY(zero_terminated(arguments.argv()));
    source.environment = TRY(zero_terminated(arguments.environment.span()));
    return {};
}

Result<void> unpack(const Ref<fs::Inode>& root, PhysicalRange module) {
    const fs::UnpackReport report = fs::unpack_initramfs(root, contents(module));
    if (report.ok()) {
        log::info("initramfs: {} entries", report.entries);
        return {};
    }
    if (report.archive_error != fs::CpioError::None) {
        log::error("initramfs: {} at offset {}", fs::to_string(report.archive_error), report.offset);
        return Error{EINVAL};
    }
    log::error("initramfs: no room for the file at offset {} (error {})", report.offset, report.file_error);
    return Error{report.file_error};
}

}  // namespace

Result<void> start_files(process::Process& process, std::span<const PhysicalRange> modules, const KernelArguments& arguments) {
    TRY(describe_machine(arguments));
    TRY(fs::initialize_root(process.fs()));
    for (PhysicalRange module : modules) {
        if (is_elf(module)) continue;
        TRY(unpack(process.fs().root(), module));
        free_module(module);
    }
    return fs::open_standard_streams(process.fs(), process.files());
}

Result<Program> load_program(process::Process& process, std::span<const PhysicalRange> modules, const KernelArguments& arguments) {
    uint64_t seed;
    random::fill({reinterpret_cast<uint8_t*>(&seed), sizeof seed});
    std::string_view reason = "the system is out of memory";
    const auto load = [&](ExecutableSource& source) -> Result<Program> {
        auto program = load_executable(process.address_space(), source, seed, reason);
        if (!program.ok()) log::error("{} cannot be run: {}", arguments.program_name, reason);
        return program;
    };
    if (!arguments.init_path.empty()) {
        auto inode = fs::find(process.fs(), process.fs().root(), arguments.init_path);
        if (!inode.ok()) {
            log::error("there is no {} in the archive (error {})", arguments.init_path, inode.code());
            return inode.error();
        }
        FileSource source{**inode, TRY((*inode)->attributes()).size};
        return load(source);
    }
    for (PhysicalRange module : modules) {
        if (!is_elf(module)) continue;
        ModuleSource source{module};
        auto program = load(source);
        if (program.ok()) free_module(module);
        return program;
    }
    log::error("there is no program: hand one over as the initrd, or name it with init= inside the archive");
    return Error{ENOENT};
}

}  // namespace eremite::init
