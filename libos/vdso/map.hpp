#pragma once
// Puts the vDSO into the program's address space.
#include "base/result.hpp"
#include "libos/mm/address_space.hpp"

namespace eremite::vdso {

// The address of its ELF header, for AT_SYSINFO_EHDR. ENOMEM.
[[nodiscard]] Result<VirtualAddress> map(mm::AddressSpace& space);

}  // namespace eremite::vdso
