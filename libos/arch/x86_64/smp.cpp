// The CPUs and their blocks.
#include "libos/arch/smp.hpp"

#include "libos/arch/interrupts.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"
#include "libos/arch/x86_64/supervisor_call.hpp"

constinit eremite::abi::CpuBlock eremite_cpu_blocks[eremite::abi::max_cpus]{};

extern "C" {
extern char eremite_boot_stack_guard[], eremite_boot_stack[], eremite_boot_stack_end[];
[[noreturn]] void libos_cpu_main();
}

namespace eremite::arch {

namespace {

constinit std::atomic<uint64_t> online{1};

}  // namespace

KernelStack main_kernel_stack() {
    return {{VirtualAddress{eremite_boot_stack_guard}, VirtualAddress{eremite_boot_stack}},
            {VirtualAddress{eremite_boot_stack}, VirtualAddress{eremite_boot_stack_end}}};
}

uint64_t online_cpus() { return online.load(std::memory_order_acquire); }

uint32_t cpu_count() {
    uint32_t count = 0;
    for (uint64_t mask = online_cpus(); mask != 0; mask &= mask - 1) ++count;
    return count;
}

// Not from CPUID leaf 1, the initial APIC id: on a host that runs ring 3 natively, CPUID there is that of whichever of the host's CPUs
// this one runs on just now. Who believes it takes itself for another CPU, and has interrupts go where there is none.
uint32_t hardware_id_of(unsigned cpu) { return eremite_cpu_blocks[cpu].hardware_id; }

uint32_t hardware_id() { return hardware_id_of(cpu_index()); }

InterruptMessage interrupt_message(unsigned cpu, unsigned vector) {
    constexpr uint64_t local_apics = 0xfee00000;
    return {local_apics | uint64_t{hardware_id_of(cpu)} << 12, vector};
}

bool start_cpu(unsigned index, uint32_t hardware_id, const KernelStack& stack) {
    abi::CpuBlock& block = eremite_cpu_blocks[index];
    block.self = &block;
    block.index = index;
    block.kernel_stack_base = stack.memory.start.value;
    block.kernel_stack_top = stack.memory.end.value;
    block.kernel_stack_size = stack.memory.size();
    return call(Call::StartCpu, index, hardware_id) != 0;
}

bool cancel_cpu() { return call(Call::CancelCpu) != 0; }

void interrupt_cpu(unsigned index) { call(Call::Interrupt, index); }

CpuCounts cpu_counts(unsigned index) {
    const abi::CpuBlock& block = eremite_cpu_blocks[index];
    return {block.interrupts, block.faults, block.syscalls, block.syscalls_trapped};
}

}  // namespace eremite::arch

void libos_cpu_main() {
    using namespace eremite::arch;
    online.fetch_or(uint64_t{1} << cpu_index());
    run_cpu();
}
