#pragma once
// How this machine is switched off where no monitor listens for our exit status.
#include "base/address.hpp"
#include "libos/mm/address_space.hpp"

namespace eremite::init {

// What switch_off needs later. `rsdp`: root pointer of firmware's tables, as the PVH start info has it; 0: there are none.
void prepare_power_off(mm::AddressSpace& space, PhysicalAddress rsdp);
// Looks for the soft-off state in firmware's tables and enters it. Returns when the machine has none.
void switch_off();

}  // namespace eremite::init
