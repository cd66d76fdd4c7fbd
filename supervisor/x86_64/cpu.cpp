#include "supervisor/x86_64/cpu.hpp"

#include <initializer_list>

#include "supervisor/x86_64/instructions.hpp"

extern "C" {
extern char trap_stubs[], invalid_opcode_stub[], page_fault_stub[], flush_stub[], syscall_probe_stub[], syscall_stubs[], eremite_syscall_entry_direct[];
extern const uint64_t supervisor_gdt[];
bool try_write_cr4(uint64_t value);
}

namespace eremite::supervisor {

namespace {

// Intel SDM vol. 3, 6.14.1: 64-bit interrupt gate. The upper half is the upper half of the address, which is 0 for us.
struct Gate {
    uint64_t low, high;
};
static_assert(sizeof(Gate) == 16);

constexpr Gate gate(uint64_t address, uint8_t ist) {
    constexpr uint64_t interrupt_gate = 0x8e;
    return {(address & 0xffff) | uint64_t{SELECTOR_SUPERVISOR_CODE} << 16 | uint64_t{ist} << 32 | interrupt_gate << 40 | (address & 0xffff0000) << 32, 0};
}

constinit Gate idt[VECTOR_COUNT]{};

// What the boot CPU found out holds for the others.
constinit abi::SyscallMode syscall_mode{};

constexpr uint8_t trap_ist = 1, interrupt_ist = 2, alarm_ist = 3;

Gate gate(const char* stub, uint8_t ist) { return gate(reinterpret_cast<uint64_t>(stub), ist); }

// One store and one addition for each: where ring 0 is interpreted, an instruction takes as long as a thousand elsewhere.
void fill_idt() {
    const auto fill = [](unsigned first, unsigned end, uint8_t ist) {
        uint64_t low = gate(trap_stubs + first * TRAP_STUB_SIZE, ist).low;
#pragma GCC unroll 8
        for (unsigned v = first; v < end; ++v, low += TRAP_STUB_SIZE) idt[v].low = low;
    };
    fill(0, FIRST_INTERRUPT_VECTOR, trap_ist);
    fill(FIRST_INTERRUPT_VECTOR, VECTOR_COUNT, interrupt_ist);
    for (const unsigned v : {2, 8, 18}) idt[v].low += uint64_t{alarm_ist - trap_ist} << 32;
    // `int3` and `into` may be raised by the program itself (DPL 3); everything else only by the CPU.
    for (const unsigned v : {3, 4}) idt[v].low |= uint64_t{3} << 45;
    idt[6] = gate(invalid_opcode_stub, trap_ist);
    idt[14] = gate(page_fault_stub, trap_ist);
    idt[FLUSH_VECTOR] = gate(flush_stub, interrupt_ist);
}

void load_tables(CpuArea& area) {
    if (area.index == 0) fill_idt();
    load_idt({sizeof(idt) - 1, reinterpret_cast<uint64_t>(idt)});

    area.task_state.ist[trap_ist - 1] = reinterpret_cast<uint64_t>(area.trap_stack + sizeof(area.trap_stack));
    area.task_state.ist[interrupt_ist - 1] = reinterpret_cast<uint64_t>(area.interrupt_stack + sizeof(area.interrupt_stack));
    area.task_state.ist[alarm_ist - 1] = reinterpret_cast<uint64_t>(area.alarm_stack + sizeof(area.alarm_stack));
    area.task_state.io_map_base = sizeof(TaskState);
    const auto base = reinterpret_cast<uint64_t>(&area.task_state);
    for (unsigned i = 0; i < SELECTOR_TSS / 8; ++i) area.descriptors[i] = supervisor_gdt[i];
    uint64_t* const tss_descriptor = area.descriptors + SELECTOR_TSS / 8;
    tss_descriptor[0] = (sizeof(TaskState) - 1) | (base & 0xffffff) << 16 | uint64_t{0x89} << 40 | (base >> 24 & 0xff) << 56;
    tss_descriptor[1] = base >> 32;
    const DescriptorTablePointer gdt{sizeof area.descriptors - 1, reinterpret_cast<uint64_t>(area.descriptors)};
    load_gdt(gdt);
    load_task_register(SELECTOR_TSS);
}

constexpr uint32_t msr_lstar = 0xc0000082, msr_fmask = 0xc0000084;
constexpr uint64_t cr4_umip = 1 << 11, cr4_fsgsbase = 1 << 16, cr4_osxsave = 1 << 18;
constexpr uint64_t xcr0_wanted = 0xe7;  // x87, SSE, AVX, AVX-512

// Intel SDM vol. 1, 13.3: XCR0 takes what CPUID leaf 0xd announces.
uint64_t enable_features() {
    uint64_t cr4 = read_cr4();
    // Hosts that interpret ring 0 hide FSGSBASE in CPUID although it works: ask the CPU itself.
    // TCG tells the truth, and repeats a refused write for ever instead of raising #GP.
    const CpuidResult basic = cpuid(0);
    const bool announced = basic.eax >= 7 && (cpuid(7).ebx & 1);
    constexpr uint32_t tcgt = 0x54474354;  // "TCGT", which "TCGTCGTCGTCG" begins with
    const bool tcg = (cpuid(1).ecx & 1u << 31) && cpuid(0x40000000).ebx == tcgt;
    if ((tcg && !announced) || !try_write_cr4(cr4 | cr4_fsgsbase)) fatal("this CPU is too old: it has no FSGSBASE (with QEMU: -cpu max or -cpu host)");
    cr4 |= cr4_fsgsbase;
    if (basic.eax >= 7 && (cpuid(7).ecx & 1 << 2)) cr4 |= cr4_umip;
    const bool xsave = cpuid(1).ecx & 1 << 26;
    if (xsave) cr4 |= cr4_osxsave;
    write_cr4(cr4);
    if (!xsave) return 0;
    const uint64_t state = cpuid(0xd).eax & xcr0_wanted;
    write_xcr0(state);
    return state;
}

// Intel SDM vol. 2A, CPUID leaf 0x80000001, which every CPU with long mode has.
bool has_huge_pages() { return cpuid(0x80000001).edx & 1u << 26; }

volatile uint32_t& apic(unsigned offset) {
    // SAFETY: the boot page tables and the library OS's map the local APIC here, uncached, supervisor-only.
    return *reinterpret_cast<volatile uint32_t*>(LOCAL_APIC_ADDRESS + offset);
}

// The two 8259A, whose timer firmware may have left running. First of all: QEMU keeps an interrupt of theirs that is pending when
// only the local APIC shuts them out, and raises it later without a vector.
void mask_old_controllers() {
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

// Intel SDM vol. 3, 11.5.1 (timer), 11.9 (spurious vector).
abi::TimerMode start_apic() {
    constexpr uint32_t masked = 1 << 16, tsc_deadline = 2 << 17;
    const bool deadline = cpuid(1).ecx & 1 << 24;
    apic(0xf0) = 0x100 | (VECTOR_COUNT - 1);
    apic(0x350) = masked;  // LINT0: the old interrupt controller
    apic(0x3e0) = 0xb;     // divide by 1
    apic(0x320) = FIRST_INTERRUPT_VECTOR | (deadline ? tsc_deadline : 0);
    return deadline ? abi::TimerMode::TscDeadline : abi::TimerMode::LapicOneShot;
}

}  // namespace

void start_this_cpu(CpuArea& area, abi::BootInfo& info) {
    load_tables(area);
    info.xcr0 = enable_features();
    info.huge_pages = has_huge_pages();
    if (area.index == 0) mask_old_controllers();
    info.timer_mode = start_apic();
    area.apic_id = apic(0x20) >> 24;
    area.block->hardware_id = area.apic_id;
    constexpr uint32_t msr_star = 0xc0000081;
    write_msr(msr_star, uint64_t{0x0023'0010} << 32);
    write_msr(msr_lstar, reinterpret_cast<uint64_t>(syscall_probe_stub));
    write_msr(msr_fmask, 0);
    if (area.index != 0) set_syscall_mode(area, syscall_mode);
}

void set_syscall_mode(const CpuArea& area, abi::SyscallMode mode) {
    syscall_mode = mode;
    constexpr uint64_t trap_flag = 1 << 8, interrupt_flag = 1 << 9, direction_flag = 1 << 10, alignment_check = 1 << 18;
    if (mode == abi::SyscallMode::LandsInRing3) {
        write_msr(msr_lstar, reinterpret_cast<uint64_t>(eremite_syscall_entry_direct));
        write_msr(msr_fmask, trap_flag | direction_flag | alignment_check);  // a cleared IF would stay cleared there
    } else {
        write_msr(msr_lstar, reinterpret_cast<uint64_t>(syscall_stubs + area.index * SYSCALL_STUB_SIZE));
        write_msr(msr_fmask, trap_flag | interrupt_flag | direction_flag | alignment_check);
    }
}

void forbid_execution_of_user_pages() {
    constexpr uint64_t cr4_smep = 1 << 20;
    if (cpuid(0).eax >= 7 && (cpuid(7).ebx & 1 << 7)) write_cr4(read_cr4() | cr4_smep);
}

}  // namespace eremite::supervisor
