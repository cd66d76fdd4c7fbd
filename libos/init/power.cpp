#include "libos/init/power.hpp"

#include <signal.h>

#include "abi/host_channel.hpp"
#include "libos/arch/cpu.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/arch/trap.hpp"
#include "libos/drivers/console.hpp"
#include "libos/drivers/host_channel.hpp"
#include "libos/init/network/network.hpp"
#include "libos/init/power_off.hpp"
#include "libos/init/statistics.hpp"
#include "libos/init/store_files.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/platform/clock.hpp"
#include "libos/process/process.hpp"
#include "libos/sched/threads.hpp"
#include "libos/socket/vsock_sockets.hpp"
#include "libos/trace/trace.hpp"

namespace eremite::init {

namespace {

constinit BootStatistics statistics{};

void report_statistics() {
    using drivers::report;
    report("stat tsc_khz {}", platform::tsc_khz());
    report("stat boot.entry_tsc {}", statistics.entry_tsc);
    report("stat boot.main_tsc {}", statistics.program_tsc);
    report("stat boot.exit_tsc {}", arch::cycle_counter());
    report("stat memory.total {}", mm::page_allocator().total_pages() * page_size);
    report("stat memory.free {}", mm::page_allocator().free_pages() * page_size);
    if (statistics.program_tsc == 0) return;
    const auto memory = process::current().address_space().statistics();
    report("stat memory.used_peak {}", memory.peak_pages * page_size);
    report("stat memory.faults {}", memory.faults);
    const auto calls = arch::syscall_counts();
    report("stat syscalls.total {}", calls.total);
    report("stat syscalls.trapped {}", calls.trapped);
    report("stat syscalls.patched_sites {}", calls.patched_sites);
    report("stat syscalls.unpatchable_sites {}", calls.unpatchable_sites);
    sched::Counts all{};
    for (unsigned cpu = 0; cpu < arch::max_cpus; ++cpu) {
        const sched::Counts one = sched::counts(cpu);
        all.context_switches += one.context_switches;
        all.preemptions += one.preemptions;
        all.timer_interrupts += one.timer_interrupts;
        all.stolen += one.stolen;
        if (!arch::many_cpus() || !(arch::online_cpus() >> cpu & 1)) continue;
        const arch::CpuCounts counts = arch::cpu_counts(cpu);
        report("stat cpu{}.context_switches {}", cpu, one.context_switches);
        report("stat cpu{}.interrupts {}", cpu, counts.interrupts);
        report("stat cpu{}.interrupts_timer {}", cpu, one.timer_interrupts);
        report("stat cpu{}.faults {}", cpu, counts.faults);
        report("stat cpu{}.syscalls {}", cpu, counts.syscalls);
        report("stat cpu{}.syscalls_trapped {}", cpu, counts.syscalls_trapped);
    }
    report("stat threads.context_switches {}", all.context_switches);
    report("stat threads.preemptions {}", all.preemptions);
    report("stat threads.stolen {}", all.stolen);
    report("stat interrupts.timer {}", all.timer_interrupts);
}

const char* signal_name(int signal) {
    switch (signal) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    case SIGTRAP: return "SIGTRAP";
    case SIGABRT: return "SIGABRT";
    case SIGKILL: return "SIGKILL";
    default: return "signal";
    }
}

// The host unwinds the program's stack, so it gets a piece of it.
void report_program_stack(VirtualAddress stack_pointer) {
    constexpr size_t longest = 16384;
    uint8_t bytes[256];
    VirtualAddress at{align_down(stack_pointer.value, 8)};
    // After a stack overflow the stack pointer stands in the gap below the stack.
    if (process::current().address_space().is_stack_guard(at)) {
        constexpr uint64_t widest_gap = 1 << 20;
        const VirtualAddress limit = at + widest_gap;
        at = at.up_to(page_size);
        while (at < limit && process::current().address_space().is_stack_guard(at)) at = at + page_size;
    }
    for (size_t done = 0; done < longest; done += sizeof bytes, at = at + sizeof bytes) {
        if (!mm::copy_from_user(bytes, at, sizeof bytes).ok()) return;
        drivers::report_stack(at.value, bytes);
    }
}

}  // namespace

BootStatistics& boot_statistics() { return statistics; }

void end(int status) {
    if (statistics.wanted) report_statistics();
    drivers::report("exit {}", status);
    // A monitor that listens for the status ends here.
    arch::port_out(abi::debug_exit_port, 4, static_cast<uint32_t>(status) & 0x7f);
    switch_off();
    arch::power_off(status);
}

}  // namespace eremite::init

namespace eremite::arch {

void program_died(const ProgramFault& fault) {
    trace::program_killed(fault.signal);
    drivers::report("bias {:x}", init::boot_statistics().program_bias);
    if (fault.sent) drivers::report("fault {}", fault.signal);
    else drivers::report("fault {} {:x}", fault.signal, fault.address.value);
    for (const NamedRegister& r : fault.registers) drivers::report("register {} {:x}", r.name, r.value);
    init::report_program_stack(fault.stack_pointer);
    if (fault.sent) log::info("the program is ended by {}, {}", init::signal_name(fault.signal), fault.reason);
    else
        log::error("the program died: {} ({}) at address {}, instruction {}", init::signal_name(fault.signal), fault.reason, fault.address,
                   fault.instruction);
    // Where there was no memory for a copy of the kernel's, locks are held. Not so where somebody has sent the signal.
    if (fault.signal != SIGKILL || fault.sent) {
        init::store_files(128 + fault.signal);
        socket::finish_vsock();
        init::finish_network();
        drivers::finish_console();
    }
    init::end(128 + fault.signal);
}

}  // namespace eremite::arch
