// What the supervisor and the compiler expect to find in the library OS.
#include <new>
#include <string_view>

#include "abi/boot_info.hpp"
#include "base/panic.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"
#include "libos/init/layout.hpp"
#include "libos/init/power.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

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

}  // namespace eremite::init

namespace eremite {

void panic(std::string_view message) {
    log::error("panic: {}", message);
    init::end(125);
}

}  // namespace eremite

// What headers of the C++ library refer to.
namespace std {

const nothrow_t nothrow{};

void __throw_out_of_range_fmt(const char* message, ...) { eremite::panic(message); }
void __throw_length_error(const char* message) { eremite::panic(message); }
void __throw_bad_optional_access() { eremite::panic("an empty optional was read"); }

}  // namespace std

extern "C" {

constinit eremite::abi::CpuBlock eremite_boot_cpu{
    .self = &eremite_boot_cpu,
    .interrupts_enabled = 0,
    .any_pending = 0,
    .padding = {},
    .pending = {},
    .syscall_return = 0,
    .kernel_stack_top = reinterpret_cast<uint64_t>(eremite::init::main_stack.memory + sizeof eremite::init::main_stack.memory),
    .kernel_stack_base = reinterpret_cast<uint64_t>(eremite::init::main_stack.memory),
    .kernel_stack_size = sizeof eremite::init::main_stack.memory,
    .scratch = 0, .trap_vector = 0, .trap_error = 0, .trap_address = 0, .trap_rip = 0, .trap_rflags = 0, .trap_rsp = 0,
    .trap_interrupts = 0, .syscalls = 0, .syscalls_trapped = 0,
};

eremite::abi::BootInfo eremite_boot_info;

[[noreturn]] void __cxa_pure_virtual() { eremite::panic("a pure virtual function was called"); }

}
