// The library OS's start: a graph of named steps, then the program.
#include <array>
#include <cstring>

#include "abi/boot_info.hpp"
#include "libos/arch/context.hpp"
#include "libos/arch/cpu.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/drivers/console.hpp"
#include "libos/drivers/console_setup.hpp"
#include "libos/drivers/device_memory.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio_balloon.hpp"
#include "libos/fs/dev/console_terminal.hpp"
#include "libos/fs/dev/disk_file.hpp"
#include "libos/fs/path.hpp"
#include "libos/init/boot_memory.hpp"
#include "libos/init/cpus.hpp"
#include "libos/init/files.hpp"
#include "libos/init/generation.hpp"
#include "libos/init/initial_stack.hpp"
#include "libos/init/kernel_arguments.hpp"
#include "libos/init/layout.hpp"
#include "libos/init/mounts/mounts.hpp"
#include "libos/init/mounts/sources.hpp"
#include "libos/init/network/network.hpp"
#include "libos/init/power.hpp"
#include "libos/init/power_off.hpp"
#include "libos/init/store_files.hpp"
#include "libos/init/program.hpp"
#include "libos/init/statistics.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/platform/clock_setup.hpp"
#include "libos/process/process.hpp"
#include "libos/random/random.hpp"
#include "libos/random/seed.hpp"
#include "libos/sched/cpus.hpp"
#include "libos/sched/threads.hpp"
#include "libos/signal/signals.hpp"
#include "libos/socket/vsock_sockets.hpp"
#include "libos/syscall/futex.hpp"
#include "libos/syscall/process.hpp"
#include "libos/trace/trace.hpp"

namespace eremite::init {

namespace {

constinit platform::MachineDescription machine{};
alignas(process::Process) constinit unsigned char process_storage[sizeof(process::Process)]{};

// What the steps hand to each other.
struct Boot {
    const abi::BootInfo& info;
    KernelArguments arguments{};
    mm::AddressSpace* address_space = nullptr;
    Program program{};
    VirtualAddress stack_pointer{};
};

Result<void> start_console(Boot&) {
    drivers::start_serial();
    return {};
}

Result<void> read_machine(Boot& boot) {
    // SAFETY: the boot page tables map this much of physical memory one to one.
    return platform::parse_start_info(PhysicalAddress{boot.info.start_info}, reinterpret_cast<const uint8_t*>(direct_map_base),
                                      abi::boot_mapped_memory, machine);
}

Result<void> seed_from_cpu(Boot&) {
    random::seed_from_cpu();
    return {};
}

Result<void> seed_from_devices(Boot&) {
    random::seed_from_devices();
    return {};
}

Result<void> start_memory_step(Boot& boot) {
    uint64_t seed;
    random::fill({reinterpret_cast<uint8_t*>(&seed), sizeof seed});
    boot.address_space = TRY(start_memory(machine, boot.info.huge_pages ? huge_page_size : large_page_size, seed));
    prepare_power_off(*boot.address_space, machine.acpi_root);
    process::program = new (process_storage) process::Process{*boot.address_space};
    return {};
}

Result<void> start_threads_step(Boot& boot) {
    arch::start_extended_state(boot.info.xcr0);
    syscall::start_futexes();
    return sched::start_threads();
}

Result<void> read_arguments(Boot& boot) {
    std::string_view offender;
    const auto parsed = parse_kernel_arguments({machine.command_line, machine.command_line_length}, boot.arguments, offender);
    if (!parsed.ok()) {
        log::error("malformed kernel argument: {}", offender);
        return parsed.error();
    }
    log::set_level(boot.arguments.log_level);
    if (boot.arguments.log_level > log::limit) log::warn("this kernel was built without messages of that level (CMake option EREMITE_LOG_LEVEL)");
    for (std::string_view word : boot.arguments.unknown) log::warn("unknown kernel argument: {}", word);
    drivers::start_console({.terminal = boot.arguments.terminal, .framed_input = boot.arguments.framed_input, .virtio = boot.arguments.virtio_streams});
    boot_statistics().entry_tsc = boot.info.entry_tsc;
    boot_statistics().wanted = boot.arguments.statistics;
    return {};
}

Result<void> start_trace(Boot& boot) {
    if (boot.arguments.trace.empty()) return {};
    return trace::start(boot.arguments.trace);
}

Result<void> start_clocks(Boot& boot) {
    platform::start_clock(boot.info, boot.arguments.tsc_khz);
    platform::start_wall_clock();
    return {};
}

Result<void> describe_devices(Boot& boot) {
    drivers::set_ram({machine.memory, machine.memory_count});
    virtio::set_machine({machine.acpi_root, boot.arguments.devices.span()});
    return {};
}

Result<void> start_cpus(Boot& boot) {
    sched::set_idle_poll(Duration::microseconds(boot.arguments.idle_poll), !arch::emulated());
    start_other_cpus(*boot.address_space, machine.acpi_root, boot.arguments.cpus);
    return {};
}

// Ctrl-C and its like on the console.
void send_terminal_signal(int number) {
    // One of the terminal's is never refused: it is not queued.
    (void)signal::send_to_process(signal::from_program(number, SI_KERNEL));
}

Result<void> mount_files(Boot& boot) {
    fs::dev::set_terminal_signal_sender(send_terminal_signal);
    return start_files(process::current(), {machine.modules, machine.module_count}, boot.arguments);
}

Result<void> start_disks(Boot& boot) {
    if (!boot.arguments.disks) return {};
    return fs::dev::add_disks(*TRY(fs::find(process::current().fs(), process::current().fs().root(), "/dev")));
}

// The program runs without it, too.
Result<void> start_balloon(Boot& boot) {
    if (!boot.arguments.balloon) return {};
    if (const auto started = drivers::start_virtio_balloon(); !started.ok()) log::warn("balloon=1: error {}", started.code());
    return {};
}

Result<void> watch_generation_step(Boot& boot) { return watch_generation(boot.arguments.generation); }

Result<void> mount_step(Boot& boot) { return mount_arguments(process::current().fs(), boot.arguments.mounts.span()); }

Result<void> start_network_step(Boot& boot) {
    if (const std::string_view name = boot.arguments.network.host_name; !name.empty()) syscall::set_host_name(name);
    return start_network(boot.arguments.network, process::current().fs());
}

Result<void> load_program_step(Boot& boot) {
    boot.program = has_linked_program() ? linked_program() : TRY(load_program(process::current(), {machine.modules, machine.module_count}, boot.arguments));
    boot_statistics().program_bias = boot.program.bias;
    return {};
}

Result<void> make_stack(Boot& boot) {
    boot.stack_pointer = TRY(make_initial_stack(*boot.address_space, boot.program, boot.arguments));
    return {};
}

Result<void> install_system_calls(Boot&) {
    const bool in_ring3 = arch::install_syscall_entry() == abi::SyscallMode::LandsInRing3;
    log::info("system calls land in ring {}", in_ring3 ? 3 : 0);
    return {};
}

struct Step {
    std::string_view name;
    Result<void> (*run)(Boot&);
    std::array<const char*, 3> needs;
};

// Each step stands behind those that it needs: checked below at compile time.
constexpr Step steps[] = {
    {"console", start_console, {}},
    {"machine description", read_machine, {}},
    // While the probe's stub in the supervisor's text is still reachable from ring 3.
    {"system calls", install_system_calls, {"console"}},
    {"first random numbers", seed_from_cpu, {"console"}},
    {"memory", start_memory_step, {"machine description", "first random numbers"}},
    {"threads", start_threads_step, {"memory"}},
    {"kernel arguments", read_arguments, {"memory"}},
    {"trace", start_trace, {"kernel arguments"}},
    {"clocks", start_clocks, {"kernel arguments"}},
    {"devices", describe_devices, {"kernel arguments"}},
    {"random numbers", seed_from_devices, {"devices", "threads", "clocks"}},
    {"other CPUs", start_cpus, {"threads", "clocks"}},
    {"files", mount_files, {"memory", "kernel arguments", "clocks"}},
    {"disks", start_disks, {"devices", "threads", "files"}},
    {"mounts", mount_step, {"devices", "threads", "files"}},
    {"balloon", start_balloon, {"devices", "threads", "clocks"}},
    {"generation", watch_generation_step, {"devices", "threads", "random numbers"}},
    {"network", start_network_step, {"files", "random numbers", "other CPUs"}},
    {"program", load_program_step, {"memory", "disks", "mounts"}},
    {"initial stack", make_stack, {"program", "random numbers", "kernel arguments"}},
};

consteval bool steps_are_ordered() {
    for (size_t i = 0; i < std::size(steps); ++i) {
        for (const char* need : steps[i].needs) {
            bool found = need == nullptr;
            for (size_t j = 0; j < i; ++j) found = found || steps[j].name == need;
            if (!found) return false;
        }
    }
    return true;
}
static_assert(steps_are_ordered());

// Memory that should do, in MiB: what is loaded, once more what is unpacked from boot modules, and something to work with.
uint64_t sufficient_memory() {
    constexpr uint64_t mib = 1 << 20, working_space = 4 * mib;
    uint64_t modules = 0;
    for (PhysicalRange module : std::span{machine.modules, machine.module_count}) modules += module.size();
    return align_up(image_extent().end.value + 2 * modules + working_space, mib) / mib;
}

// What a failed start means to whoever reads it.
void explain_failure(const Step& step, Error error) {
    if (error == Error{ENOMEM} || error == Error{ENOSPC})
        log::error("too little memory to start: the machine has {} MiB; {} MiB should do", align_up(machine.total_memory(), uint64_t{1} << 20) >> 20, sufficient_memory());
    else log::error("start failed: {} (error {})", step.name, error.code);
}

}  // namespace

}  // namespace eremite::init

namespace eremite::mm {

AddressSpace& kernel_address_space() { return process::current().address_space(); }

}  // namespace eremite::mm

namespace eremite::process {

constinit Process* program = nullptr;

void end(int status) {
    init::store_files(status);
    socket::finish_vsock();
    init::finish_network();
    drivers::finish_console();
    init::end(status);
}

}  // namespace eremite::process

extern "C" [[noreturn]] void libos_main(const eremite::abi::BootInfo* info) {
    using namespace eremite;
    using namespace eremite::init;
    static constexpr int could_not_start = 125;
    Boot boot{*info};
    for (const Step& step : steps) {
        const Result<void> done = step.run(boot);
        if (!done.ok()) {
            explain_failure(step, done.error());
            close_volumes();
            end(could_not_start);
        }
        log::debug("started: {}", step.name);
    }
    boot_statistics().program_tsc = arch::cycle_counter();
    arch::start_program(boot.program.entry, boot.stack_pointer, boot.program.text);
}
