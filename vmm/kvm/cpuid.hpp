#pragma once
// What the machine's processors say of themselves.
#include <linux/kvm.h>

#include <cstdint>
#include <vector>

#include "vmm/kvm/system.hpp"

namespace eremite::vmm::kvm {

// The leaves that KVM supports, with the frequency of the time stamp counter where it is known (0: not). Throws Error.
[[nodiscard]] std::vector<kvm_cpuid_entry2> supported_cpuid(const System& system, uint64_t tsc_khz);

// The same for one processor of `count`, by the number of its APIC.
[[nodiscard]] std::vector<kvm_cpuid_entry2> cpuid_of(std::vector<kvm_cpuid_entry2> leaves, unsigned id, unsigned count);

void set_cpuid(int cpu, const std::vector<kvm_cpuid_entry2>& leaves);

}  // namespace eremite::vmm::kvm
