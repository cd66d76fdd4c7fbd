// Other CPUs: starting them, and interrupting them (Intel SDM vol. 3, 9.4 and 11.6).
#include "supervisor/x86_64/cpu.hpp"
#include "supervisor/x86_64/instructions.hpp"

using namespace eremite;

extern "C" {
// Provided by the library OS.
extern abi::CpuBlock eremite_cpu_blocks[abi::max_cpus];
[[noreturn]] void eremite_libos_cpu_start();

extern char real_mode_start[], real_mode_end[];
// The stack of the CPU that is to come, which takes it out and stands on it; 0: none is expected.
volatile uint64_t starting_stack = 0;
[[noreturn]] void enter_ring3(uint64_t rip, uint64_t rsp, uint64_t argument);
}

namespace eremite::supervisor {

namespace {

constinit CpuArea areas[abi::max_cpus]{};
constinit uint64_t starting_page_table = 0;

// Low memory that the library OS keeps free, mapped for the supervisor only.
constexpr uint64_t start_page = CPU_START_PAGE;

volatile uint32_t& apic(unsigned offset) {
    // SAFETY: as in cpu.cpp.
    return *reinterpret_cast<volatile uint32_t*>(LOCAL_APIC_ADDRESS + offset);
}

// The interrupt command register. Virtual local APICs take a command at once; a real one may be busy with the one before.
void command(uint32_t apic_id, uint32_t order) {
    constexpr uint32_t busy = 1 << 12;
    while (apic(0x300) & busy) {
    }
    apic(0x310) = apic_id << 24;
    apic(0x300) = order;
}

}  // namespace

CpuArea& cpu_area(unsigned index) {
    CpuArea& area = areas[index];
    area.index = index;
    area.block = &eremite_cpu_blocks[index];
    return area;
}

uint64_t start_other_cpu(unsigned index, uint32_t apic_id, uint64_t page_table) {
    if (index >= abi::max_cpus || starting_stack != 0) return 0;
    CpuArea& area = cpu_area(index);
    area.apic_id = apic_id;
    // SAFETY: the library OS maps the page here, for us.
    auto* const page = reinterpret_cast<char*>(DIRECT_MAP_ADDRESS + start_page);
    for (long i = 0; i < real_mode_end - real_mode_start; ++i) page[i] = real_mode_start[i];
    starting_page_table = page_table;
    starting_stack = reinterpret_cast<uint64_t>(area.trap_stack + sizeof area.trap_stack);
    constexpr uint32_t init = 0x4500, startup = 0x4600;
    command(apic_id, init);
    command(apic_id, startup | static_cast<uint32_t>(start_page >> 12));
    command(apic_id, startup | static_cast<uint32_t>(start_page >> 12));  // as the SDM wants it; ignored by a CPU that came
    return 1;
}

uint64_t cancel_other_cpu() { return exchange(starting_stack, 0) != 0; }

void interrupt_cpu(unsigned index, uint8_t vector) {
    constexpr uint32_t fixed = 0x4000;
    if (index < abi::max_cpus) command(areas[index].apic_id, fixed | vector);
}

extern "C" {

// A CPU that was started, on its own trap stack and the boot page tables.
[[noreturn]] void supervisor_cpu_main(uint64_t stack_end) {
    // SAFETY: the stack is the end of an area.
    CpuArea& area = *reinterpret_cast<CpuArea*>(stack_end - sizeof(CpuArea));
    abi::BootInfo ignored{};
    start_this_cpu(area, ignored);
    write_cr3(starting_page_table);
    forbid_execution_of_user_pages();
    enter_ring3(reinterpret_cast<uint64_t>(eremite_libos_cpu_start), area.block->kernel_stack_top, reinterpret_cast<uint64_t>(area.block));
}

}

}  // namespace eremite::supervisor
