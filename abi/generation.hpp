#pragma once
// How an image hears that it goes on from a snapshot. The kernel argument `vmgenid=0xADDRESS:LINE` names a page of physical memory, which is no memory
// for its use, and an interrupt of the first I/O APIC. It is optional.
//
// At its start stands an identifier of 16 random bytes, as Microsoft's "Virtual Machine Generation ID" has it: another one means that this machine is
// a copy, or has gone back in time. The interrupt tells of that. Behind it stand kernel arguments, up to a zero byte, for this copy: those of the network.
#include <cstddef>

namespace eremite::abi {

inline constexpr size_t generation_page_size = 4096, generation_identifier_size = 16;

}  // namespace eremite::abi
