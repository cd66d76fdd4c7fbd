// From the boot stack to ring 3, and the operations that ring 3 may ask for.
#include <span>

#include "abi/host_channel.hpp"
#include "abi/supervisor_call.hpp"
#include "supervisor/x86_64/cpu.hpp"
#include "supervisor/x86_64/instructions.hpp"

using namespace eremite;

extern "C" {
// Provided by the library OS.
[[noreturn]] void eremite_libos_start(const abi::BootInfo* info);
extern char eremite_boot_stack_end[];

[[noreturn]] void enter_ring3(uint64_t rip, uint64_t rsp, uint64_t argument);
void supervisor_halt();

// The library OS reads it in ring 3: it stands in the library OS's own data.
extern abi::BootInfo eremite_boot_info;
}

namespace eremite::supervisor {

namespace {

constexpr uint32_t msr_tsc_deadline = 0x6e0;
constexpr uint32_t msr_apic_base = 0x1b, msr_kvm_wall_clock = 0x4b564d00, msr_kvm_system_time = 0x4b564d01;
constexpr uint32_t readable_msrs[] = {msr_apic_base};
constexpr uint32_t writable_msrs[] = {msr_kvm_wall_clock, msr_kvm_system_time};

constinit abi::TimerMode timer_mode{};

bool listed(std::span<const uint32_t> list, uint64_t index) {
    for (uint32_t entry : list)
        if (entry == index) return true;
    return false;
}

void arm_timer(uint64_t count) {
    if (timer_mode == abi::TimerMode::TscDeadline) {
        write_msr(msr_tsc_deadline, count);
    } else {
        // SAFETY: the local APIC is mapped here (see cpu.cpp); 0x380 is the initial count.
        *reinterpret_cast<volatile uint32_t*>(LOCAL_APIC_ADDRESS + 0x380) = static_cast<uint32_t>(count);
    }
}

void load_page_table(uint64_t root) {
    write_cr3(root);
    forbid_execution_of_user_pages();
}

// Here, and on the CPUs of `others`, who then answer in their blocks.
void flush_pages(uint64_t address, uint64_t count, uint64_t others) {
    constexpr uint64_t reload_is_cheaper = 64;
    for (unsigned cpu = 0; others != 0; ++cpu, others >>= 1)
        if (others & 1) interrupt_cpu(cpu, FLUSH_VECTOR);
    if (count == 0 || count > reload_is_cheaper) {
        write_cr3(read_cr3());
        return;
    }
    for (; count > 0; --count, address += 4096) invlpg(address);
}

// Waits for an interrupt unless one is pending. Nobody disturbs this CPU for translations meanwhile, so it looks itself.
void halt(abi::CpuBlock& block) {
    exchange(block.halted, 1);
    if (!block.any_pending) supervisor_halt();
    exchange(block.halted, 0);
    const uint64_t wanted = block.flush_wanted;
    if (wanted == block.flush_done) return;
    write_cr3(read_cr3());
    block.flush_done = wanted;
}

uint64_t port_in(uint16_t port, uint64_t width) {
    return width == 1 ? in8(port) : width == 2 ? in16(port) : in32(port);
}

void port_out(uint16_t port, uint64_t width, uint64_t value) {
    if (width == 1) out8(port, static_cast<uint8_t>(value));
    else if (width == 2) out16(port, static_cast<uint16_t>(value));
    else out32(port, static_cast<uint32_t>(value));
}

[[noreturn]] void power_off(uint64_t status) {
    out32(abi::debug_exit_port, static_cast<uint32_t>(status & 0x7f));
    triple_fault();
}

void print(const char* text) {
    for (; *text; ++text) out8(abi::serial_port, static_cast<uint8_t>(*text));
}

void print_hexadecimal(uint64_t value) {
    print(" 0x");
    bool started = false;
    for (int shift = 60; shift >= 0; shift -= 4) {
        const unsigned digit = value >> shift & 15;
        started = started || digit != 0 || shift == 0;
        if (started) out8(abi::serial_port, static_cast<uint8_t>("0123456789abcdef"[digit]));
    }
}

}  // namespace

void fatal(const char* message, uint64_t a, uint64_t b, uint64_t c) {
    print("eremite supervisor: ");
    print(message);
    if (a | b | c)
        for (uint64_t v : {a, b, c}) print_hexadecimal(v);
    print("\n");
    power_off(125);
}

extern "C" {

uint64_t supervisor_call(uint64_t operation, uint64_t a, uint64_t b, uint64_t c, const CpuArea* area) {
    using Call = abi::SupervisorCall;
    switch (static_cast<Call>(operation)) {
    case Call::Halt: halt(*area->block); return 0;
    case Call::ArmTimer: arm_timer(a); return 0;
    case Call::LoadPageTable: load_page_table(a); return 0;
    case Call::FlushPages: flush_pages(a, b, c); return 0;
    case Call::PortIn: return port_in(static_cast<uint16_t>(a), b);
    case Call::PortOut: port_out(static_cast<uint16_t>(a), b, c); return 0;
    case Call::PortOutString: out_string(static_cast<uint16_t>(a), reinterpret_cast<const void*>(b), c); return 0;
    case Call::ReadMsr: return listed(readable_msrs, a) ? read_msr(static_cast<uint32_t>(a)) : ~uint64_t{0};
    case Call::WriteMsr:
        if (!listed(writable_msrs, a)) return ~uint64_t{0};
        write_msr(static_cast<uint32_t>(a), b);
        return 0;
    case Call::SetSyscallMode: set_syscall_mode(*area, static_cast<abi::SyscallMode>(a)); return 0;
    case Call::StartCpu: return start_other_cpu(static_cast<unsigned>(a), static_cast<uint32_t>(b), read_cr3());
    case Call::CancelCpu: return cancel_other_cpu();
    case Call::Interrupt: interrupt_cpu(static_cast<unsigned>(a), ATTENTION_VECTOR); return 0;
    case Call::PowerOff: power_off(a);
    case Call::Count: break;
    }
    return ~uint64_t{0};
}

// An exception in ring 0, or one that destroyed a trap under way (a kernel stack that overflowed).
[[noreturn]] void supervisor_fault(const uint64_t* frame, const CpuArea* area) {
    if (frame[3] & 3) {
        constexpr uint64_t guard = 4096;
        const uint64_t address = read_cr2(), stack = area->block->kernel_stack_base;
        const bool overflow = address >= stack - guard && address < stack;
        fatal(overflow ? "the library OS's stack overflowed: vector, rip, address"
                       : "a trap could not be handed on; the program changed GS, which belongs to the library OS: vector, rip, address",
              frame[0], frame[2], address);
    }
    fatal("exception in ring 0: vector, rip, address", frame[0], frame[2], read_cr2());
}

// Requires: long mode on the boot page tables, interrupts off.
[[noreturn]] void supervisor_main(uint64_t start_info, uint64_t entry_tsc) {
    CpuArea& area = cpu_area(0);
    eremite_boot_info.start_info = start_info;
    eremite_boot_info.entry_tsc = entry_tsc;
    start_this_cpu(area, eremite_boot_info);
    timer_mode = eremite_boot_info.timer_mode;
    enter_ring3(reinterpret_cast<uint64_t>(eremite_libos_start), reinterpret_cast<uint64_t>(eremite_boot_stack_end),
                reinterpret_cast<uint64_t>(&eremite_boot_info));
}

}  // extern "C"

}  // namespace eremite::supervisor
