#pragma once
// What ring 3 can ask of the supervisor. The call is a `ud2` at one known address (`eremite_supervisor_call_site`):
// operation in rdi, arguments in rsi, rdx, rcx, result in rax, as for a C function, and as by one the others that it may change are lost. To keep
// them would take the supervisor ten microseconds where ring 0 is interpreted.
#include <cstdint>

namespace eremite::abi {

enum class SupervisorCall : uint64_t {
    Halt,            // (): waits for an interrupt unless one is pending
    ArmTimer,        // (count): one-shot; TSC deadline or LAPIC ticks, as `TimerMode` of the boot information says; 0 disarms
    LoadPageTable,   // (physical address of the root)
    FlushPages,      // (address, count of pages, mask): count 0 flushes everything; also interrupts the CPUs of the mask, see CpuBlock
    StartCpu,        // (index, APIC id): its block is filled in; it comes to `eremite_libos_cpu_start`. 0: the one before has not come yet
    CancelCpu,       // (): the CPU that was started last must not come any more -> 1, or 0: it came
    Interrupt,       // (index): ATTENTION_VECTOR
    PortIn,          // (port, width in bytes) -> value
    PortOut,         // (port, width in bytes, value)
    PortOutString,   // (port, address, length): bytes
    ReadMsr,         // (index) -> value, of the listed ones; else ~0
    WriteMsr,        // (index, value), of the listed ones
    SetSyscallMode,  // (SyscallMode)
    PowerOff,        // (exit status): does not return
    Count,
};

// Where the program's `syscall` instruction lands, found out by trying.
enum class SyscallMode : uint64_t {
    LandsInRing0,  // hardware and TCG: through the supervisor's stub
    LandsInRing3,  // a host that interprets ring 0: directly in the library OS
};

}  // namespace eremite::abi
