#pragma once
// From the boot page tables to the program's address space.
#include "base/result.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/platform/pvh.hpp"

namespace eremite::init {

// Gives usable memory to the page allocator, builds the address space (direct map, library OS, supervisor, device
// registers, and the linked program's segments) and loads it. `largest_page`: as arch::PageTable has it. ENOMEM: the machine is too small.
[[nodiscard]] Result<mm::AddressSpace*> start_memory(const platform::MachineDescription& machine, uint64_t largest_page, uint64_t seed);

// Gives the memory of a boot module that is used up to the page allocator.
void free_module(PhysicalRange module);

}  // namespace eremite::init
