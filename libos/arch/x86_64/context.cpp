#include "libos/arch/context.hpp"

#include <cstring>

#include "libos/arch/cpu.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"
#include "libos/arch/x86_64/extended_state.hpp"
#include "libos/arch/x86_64/trap_frame.hpp"

extern "C" {
void switch_stack(uint64_t* save, uint64_t stack_pointer);
void kernel_thread_start();
void program_thread_start();
}

namespace eremite::arch {

namespace {

// Whose extended state the registers of each CPU hold. The library OS uses none of these registers, so that a thread that
// comes back after the CPU was idle finds its own.
constinit uint8_t* state_in_registers[max_cpus]{};

// What switch_stack pops.
struct SwitchFrame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t return_address;
};

}  // namespace

void save_extended_state(ThreadContext& context) { save_registers_as_documented(context.extended_state); }

// Intel SDM vol. 1, 13.4.2: the header; 10.5.1.2: MXCSR; 8.1.5: the x87 control word.
void load_extended_state(ThreadContext& context, size_t size) {
    constexpr size_t legacy_size = 512, header_size = 64, mxcsr_at = 24;
    constexpr uint32_t initial_mxcsr = 0x1f80, mxcsr_mask = 0xffff;
    constexpr uint16_t initial_control = 0x37f;
    constexpr uint64_t legacy_components = 3;
    uint8_t* const area = context.extended_state;
    if (size == 0) {
        std::memset(area, 0, extended_state_size());
        std::memcpy(area, &initial_control, sizeof initial_control);
        std::memcpy(area + mxcsr_at, &initial_mxcsr, sizeof initial_mxcsr);
    }
    uint32_t mxcsr;
    std::memcpy(&mxcsr, area + mxcsr_at, sizeof mxcsr);
    mxcsr &= mxcsr_mask;
    std::memcpy(area + mxcsr_at, &mxcsr, sizeof mxcsr);
    if (extended_state_components() != 0) {
        uint64_t present = legacy_components;
        if (size > legacy_size) std::memcpy(&present, area + legacy_size, sizeof present);
        present &= extended_state_components();
        std::memset(area + legacy_size, 0, header_size);
        std::memcpy(area + legacy_size, &present, sizeof present);
    }
    restore_registers(area);
}

void prepare_kernel_thread(ThreadContext& context, const KernelStack& stack, void (*function)(void*), void* argument) {
    auto* const frame = VirtualAddress{stack.memory.end.value - 16}.as<SwitchFrame>() - 1;
    *frame = {};
    frame->r12 = reinterpret_cast<uint64_t>(function);
    frame->r13 = reinterpret_cast<uint64_t>(argument);
    frame->return_address = reinterpret_cast<uint64_t>(kernel_thread_start);
    context.stack_pointer = reinterpret_cast<uint64_t>(frame);
}

void prepare_program_thread(ThreadContext& context, const KernelStack& stack, const TrapFrame& registers, uint64_t stack_pointer) {
    auto* const trap = stack.memory.end.as<TrapFrame>() - 1;
    *trap = registers;
    trap->rax = 0;
    trap->interrupts = 1;
    if (stack_pointer != 0) trap->rsp = stack_pointer;
    // SAFETY: the memory below belongs to the same stack.
    auto* const frame = reinterpret_cast<SwitchFrame*>(trap) - 1;
    *frame = {};
    frame->return_address = reinterpret_cast<uint64_t>(program_thread_start);
    context.stack_pointer = reinterpret_cast<uint64_t>(frame);
    // Parts of the area are never stored to, but come into signal frames.
    std::memset(context.extended_state, 0, extended_state_size());
    save_registers_as_documented(context.extended_state);
}

void switch_context(ThreadContext& from, ThreadContext& to, const KernelStack& stack_of_to) {
    abi::CpuBlock& cpu = this_cpu();
    cpu.kernel_stack_base = stack_of_to.memory.start.value;
    cpu.kernel_stack_top = stack_of_to.memory.end.value;
    cpu.kernel_stack_size = stack_of_to.memory.size();
    from.thread_pointer = thread_pointer();
    set_thread_pointer(to.thread_pointer);
    const unsigned index = cpu.index;
    uint8_t*& in_registers = state_in_registers[index];
    // The next CPU to go on with the thread may be another one; where there is none, an idle CPU need not save anything.
    const bool save_at_once = many_cpus();
    if (from.extended_state) {
        in_registers = from.extended_state;
        from.state_cpu = index;
        if (save_at_once) save_registers(in_registers);
    }
    if (to.extended_state && (to.extended_state != in_registers || to.state_cpu != index)) {
        if (in_registers && !save_at_once) save_registers(in_registers);
        restore_registers(to.extended_state);
        in_registers = to.extended_state;
        to.state_cpu = index;
    }
    switch_stack(&from.stack_pointer, to.stack_pointer);
}

void forget_context(const ThreadContext& context) {
    uint8_t*& in_registers = state_in_registers[cpu_index()];
    if (in_registers == context.extended_state) in_registers = nullptr;
}

}  // namespace eremite::arch
