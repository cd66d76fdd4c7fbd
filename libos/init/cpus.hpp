#pragma once
// Bringing the machine's CPUs into service.
#include "base/address.hpp"
#include "libos/mm/address_space.hpp"

namespace eremite::init {

// Starts what firmware knows of. `rsdp`: root pointer of its tables; 0: there are none. `most`: so many are used.
void start_other_cpus(mm::AddressSpace& space, PhysicalAddress rsdp, unsigned most);

}  // namespace eremite::init
