#pragma once
// The PVH start info (xen/include/public/arch-x86/hvm/start_info.h): what an image is told of its machine, and the modules that come with it.
#include <cstdint>
#include <span>
#include <string>

#include "vmm/guest_memory.hpp"

namespace eremite::vmm {

struct BootData {
    std::string command_line;
    std::span<const std::byte> module;  // empty: none
    uint64_t image_end = 0;             // nothing is put below, but in the first MiB
    unsigned cpus = 1;
};

// Writes start info, memory map, command line, module and ACPI's tables. Returns the start info's address. Throws Error: too little memory, or the
// command line is too long.
[[nodiscard]] uint32_t write_start_info(const GuestMemory& memory, const BootData& data);

}  // namespace eremite::vmm
