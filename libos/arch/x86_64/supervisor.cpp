#include "libos/arch/supervisor.hpp"

#include "libos/arch/smp.hpp"
#include "libos/arch/trap.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"
#include "libos/arch/x86_64/supervisor_call.hpp"
#include "libos/sync/lock_check.hpp"

extern "C" unsigned probe_syscall_ring();

namespace eremite::arch {

void wait_for_interrupt() {
    call(Call::Halt);
    handle_interrupts();
}

bool interrupt_is_pending() { return this_cpu().any_pending != 0; }

void handle_interrupts() {
    if constexpr (sync::locks_are_checked) sync::check_none_held();
    abi::CpuBlock& cpu = this_cpu();
    while (cpu.any_pending) {
        cpu.any_pending = 0;
        for (unsigned word = 0; word < 4; ++word) {
            uint64_t bits = __atomic_exchange_n(&cpu.pending[word], 0, __ATOMIC_ACQ_REL);
            for (; bits != 0; bits &= bits - 1) {
                const unsigned vector = word * 64 + static_cast<unsigned>(__builtin_ctzll(bits));
                if (vector == FIRST_INTERRUPT_VECTOR) timer_interrupt();
                else if (vector == ATTENTION_VECTOR) attention_interrupt();
                else device_interrupt(vector);
            }
        }
    }
}

void arm_timer(uint64_t count) { call(Call::ArmTimer, count); }
void load_page_table(PhysicalAddress root) { call(Call::LoadPageTable, root.value); }
uint32_t port_in(uint16_t port, unsigned width) { return static_cast<uint32_t>(call(Call::PortIn, port, width)); }
void port_out(uint16_t port, unsigned width, uint32_t value) { call(Call::PortOut, port, width, value); }
void port_out_string(uint16_t port, const void* bytes, uint64_t count) {
    call(Call::PortOutString, port, reinterpret_cast<uint64_t>(bytes), count);
}
uint64_t read_msr(uint32_t index) { return call(Call::ReadMsr, index); }
void write_msr(uint32_t index, uint64_t value) { call(Call::WriteMsr, index, value); }

void power_off(int status) {
    call(Call::PowerOff, static_cast<uint64_t>(status));
    __builtin_unreachable();
}

abi::SyscallMode install_syscall_entry() {
    const auto mode = probe_syscall_ring() == 0 ? abi::SyscallMode::LandsInRing0 : abi::SyscallMode::LandsInRing3;
    call(Call::SetSyscallMode, static_cast<uint64_t>(mode));
    return mode;
}

}  // namespace eremite::arch
