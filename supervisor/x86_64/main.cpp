// From the boot stack to ring 3, and the operations that ring 3 may ask for.
#include <span>

#include "abi/host_channel.hpp"
#include "abi/supervisor_call.hpp"
#include "supervisor/x86_64/cpu.hpp"
#include "supervisor/x86_64/instructions.hpp"

using namespace eremite;

extern "C" {
// Provided by the library OS.
extern abi::CpuBlock eremite_boot_cpu;
[[noreturn]] void eremite_libos_start(const abi::BootInfo* info);
extern char eremite_syscall_entry_direct[];

extern uint64_t supervisor_gdt[];
extern char syscall_stub[];
[[noreturn]] void enter_ring3(uint64_t rip, uint64_t rsp, uint64_t argument);
void supervisor_halt();

// The library OS reads it in ring 3: it stands in the library OS's own data.
extern abi::BootInfo eremite_boot_info;
}

namespace eremite::supervisor {

namespace {

constinit CpuArea boot_cpu_area{};

constexpr uint32_t msr_lstar = 0xc0000082, msr_fmask = 0xc0000084, msr_tsc_deadline = 0x6e0;
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
    static constinit bool first = true;
    write_cr3(root);
    if (!first) return;
    first = false;
    // Only now are our pages marked as the supervisor's, which supervisor-mode execution prevention insists on.
    constexpr uint64_t cr4_smep = 1 << 20;
    if (cpuid(0).eax >= 7 && (cpuid(7).ebx & 1 << 7)) write_cr4(read_cr4() | cr4_smep);
}

void flush_pages(uint64_t address, uint64_t count) {
    constexpr uint64_t reload_is_cheaper = 64;
    if (count == 0 || count > reload_is_cheaper) {
        write_cr3(read_cr3());
        return;
    }
    for (; count > 0; --count, address += 4096) invlpg(address);
}

void set_syscall_mode(uint64_t mode) {
    constexpr uint64_t trap_flag = 1 << 8, interrupt_flag = 1 << 9, direction_flag = 1 << 10, alignment_check = 1 << 18;
    if (static_cast<abi::SyscallMode>(mode) == abi::SyscallMode::LandsInRing3) {
        write_msr(msr_lstar, reinterpret_cast<uint64_t>(eremite_syscall_entry_direct));
        write_msr(msr_fmask, trap_flag | direction_flag | alignment_check);  // a cleared IF would stay cleared there
    } else {
        write_msr(msr_lstar, reinterpret_cast<uint64_t>(syscall_stub));
        write_msr(msr_fmask, trap_flag | interrupt_flag | direction_flag | alignment_check);
    }
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

uint64_t supervisor_call(uint64_t operation, uint64_t a, uint64_t b, uint64_t c) {
    using Call = abi::SupervisorCall;
    switch (static_cast<Call>(operation)) {
    case Call::Halt:
        if (!eremite_boot_cpu.any_pending) supervisor_halt();
        return 0;
    case Call::ArmTimer: arm_timer(a); return 0;
    case Call::LoadPageTable: load_page_table(a); return 0;
    case Call::FlushPages: flush_pages(a, b); return 0;
    case Call::PortIn: return port_in(static_cast<uint16_t>(a), b);
    case Call::PortOut: port_out(static_cast<uint16_t>(a), b, c); return 0;
    case Call::PortOutString: out_string(static_cast<uint16_t>(a), reinterpret_cast<const void*>(b), c); return 0;
    case Call::ReadMsr: return listed(readable_msrs, a) ? read_msr(static_cast<uint32_t>(a)) : ~uint64_t{0};
    case Call::WriteMsr:
        if (!listed(writable_msrs, a)) return ~uint64_t{0};
        write_msr(static_cast<uint32_t>(a), b);
        return 0;
    case Call::SetSyscallMode: set_syscall_mode(a); return 0;
    case Call::PowerOff: power_off(a);
    case Call::Count: break;
    }
    return ~uint64_t{0};
}

// An exception in ring 0, or one that destroyed a trap under way (a kernel stack that overflowed).
[[noreturn]] void supervisor_fault(const uint64_t* frame) {
    if (frame[3] & 3) {
        constexpr uint64_t guard = 4096;
        const uint64_t address = read_cr2(), stack = eremite_boot_cpu.kernel_stack_base;
        const bool overflow = address >= stack - guard && address < stack;
        fatal(overflow ? "the library OS's stack overflowed: vector, rip, address"
                       : "a trap could not be handed on; the program changed GS, which belongs to the library OS: vector, rip, address",
              frame[0], frame[2], address);
    }
    fatal("exception in ring 0: vector, rip, address", frame[0], frame[2], read_cr2());
}

// Requires: long mode on the boot page tables, interrupts off.
[[noreturn]] void supervisor_main(uint64_t start_info, uint64_t entry_tsc) {
    boot_cpu_area.block = &eremite_boot_cpu;
    eremite_boot_info.start_info = start_info;
    eremite_boot_info.entry_tsc = entry_tsc;
    constexpr unsigned tss_entry = SELECTOR_TSS / 8;
    start_cpu(boot_cpu_area, supervisor_gdt + tss_entry, eremite_boot_info);
    timer_mode = eremite_boot_info.timer_mode;
    enter_ring3(reinterpret_cast<uint64_t>(eremite_libos_start), eremite_boot_cpu.kernel_stack_top,
                reinterpret_cast<uint64_t>(&eremite_boot_info));
}

}  // extern "C"

}  // namespace eremite::supervisor
