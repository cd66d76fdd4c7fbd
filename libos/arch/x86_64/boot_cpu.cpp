// The CPU that boots, and the stack it boots on.
#include "libos/arch/kernel_stack.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"

namespace eremite::arch {

namespace {

struct alignas(page_size) GuardedStack {
    uint8_t guard[page_size];  // left unmapped
    uint8_t memory[32 * 1024];
};
constinit GuardedStack main_stack{};

}  // namespace

KernelStack main_kernel_stack() {
    return {{VirtualAddress{main_stack.guard}, VirtualAddress{main_stack.memory}},
            {VirtualAddress{main_stack.memory}, VirtualAddress{main_stack.memory + sizeof main_stack.memory}}};
}

}  // namespace eremite::arch

constinit eremite::abi::CpuBlock eremite_boot_cpu{
    .self = &eremite_boot_cpu,
    .interrupts_enabled = 0,
    .any_pending = 0,
    .padding = {},
    .pending = {},
    .syscall_return = 0,
    .kernel_stack_top = reinterpret_cast<uint64_t>(eremite::arch::main_stack.memory + sizeof eremite::arch::main_stack.memory),
    .kernel_stack_base = reinterpret_cast<uint64_t>(eremite::arch::main_stack.memory),
    .kernel_stack_size = sizeof eremite::arch::main_stack.memory,
    .scratch = 0, .trap_vector = 0, .trap_error = 0, .trap_address = 0, .trap_rip = 0, .trap_rflags = 0, .trap_rsp = 0,
    .trap_interrupts = 0, .syscalls = 0, .syscalls_trapped = 0,
};
