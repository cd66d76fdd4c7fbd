#pragma once
// The PVH start info: what a VMM tells the image it boots (xen/include/public/arch-x86/hvm/start_info.h). Parsed once,
// before anything else uses that memory.
#include <cstdint>
#include <span>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::platform {

inline constexpr size_t max_memory_ranges = 32, max_modules = 8, max_command_line = 16384;

struct MachineDescription {
    PhysicalRange memory[max_memory_ranges];  // usable RAM in whole pages; no two ranges overlap or touch
    size_t memory_count = 0;
    bool memory_left_out = false;  // there was more than the direct map or `memory` holds
    PhysicalRange modules[max_modules];
    size_t module_count = 0;
    PhysicalAddress acpi_root{};  // RSDP, 0 when there is none
    char command_line[max_command_line];
    size_t command_line_length = 0;

    [[nodiscard]] std::string_view arguments() const { return {command_line, command_line_length}; }
    [[nodiscard]] uint64_t total_memory() const;
};

// Reads physical memory through `map` (base of a view of at least the first GiB). EINVAL: no or a foreign structure;
// ENOTSUP: no memory map (version 0); EFAULT: a table lies beyond the view, or a module outside of RAM; E2BIG: the command
// line is too long, or there are too many modules.
[[nodiscard]] Result<void> parse_start_info(PhysicalAddress start_info, const uint8_t* map, uint64_t map_size, MachineDescription& out);

}  // namespace eremite::platform
