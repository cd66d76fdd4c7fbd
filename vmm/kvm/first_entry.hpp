#pragma once
// What a KVM that interprets ring 0 needs before a processor's floating-point registers can be set.
#include "vmm/guest_memory.hpp"

namespace eremite::vmm::kvm {

// Lets a new processor use these registers in ring 3. Such a KVM has no XSAVE for us, and KVM_SET_FPU sets them in an XSAVE area whose header still says
// that they are all as at a reset; once they were used it does not. All other state of the processor is to be set afterwards. `scratch`: the address of four pages of memory, aligned, below 1 MiB, that it may
// write. Throws Error.
inline constexpr uint64_t first_entry_scratch_size = 4 * 4096;
void enter_once(int cpu, size_t mapping_size, const GuestMemory& memory, uint64_t scratch);

}  // namespace eremite::vmm::kvm
