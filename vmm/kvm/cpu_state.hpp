#pragma once
// All that KVM knows of a processor and of a machine, for a snapshot (Documentation/virt/kvm/api.rst). Nothing of it may run meanwhile.
#include "vmm/kvm/system.hpp"
#include "vmm/snapshot/state.hpp"

namespace eremite::vmm::kvm {

// Interrupt controllers and clock. These throw Error.
void save_machine(const VirtualMachine& machine, StateWriter& state);
void restore_machine(const VirtualMachine& machine, StateReader& state);

// `cpu`: the descriptor of a processor, which knows what it says of itself (CPUID). `scratch`: as in first_entry.hpp.
void save_cpu(const System& system, int cpu, StateWriter& state);
void restore_cpu(const System& system, int cpu, const GuestMemory& memory, uint64_t scratch, StateReader& state);

// Whether KVM tells all registers of a processor: one that interprets ring 0 knows those of x87 and SSE only, though programs use AVX, too. Whether nothing
// runs on it: all threads of the machine have their registers in memory then.
[[nodiscard]] bool tells_all_registers(const System& system, int cpu);
[[nodiscard]] bool is_halted(int cpu);

// The requests (ioctl(2)) that the functions that save make.
[[nodiscard]] std::span<const unsigned long> saving_requests();

}  // namespace eremite::vmm::kvm
