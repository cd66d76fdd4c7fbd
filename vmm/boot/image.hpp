#pragma once
// Loads an image as a virtual machine monitor does: an ELF file for x86-64 with a PVH note, which names its entry point (Xen's
// XEN_ELFNOTE_PHYS32_ENTRY). The file is foreign: every field is checked before it is used.
#include <cstdint>
#include <span>
#include <string>

#include "vmm/guest_memory.hpp"

namespace eremite::vmm {

struct LoadedImage {
    uint32_t entry = 0;  // physical address, in 32-bit protected mode without paging
    uint64_t start = 0;  // of the first segment
    uint64_t end = 0;    // of the last one
};

// Copies the segments to where they want to be. `name` is for messages. Throws Error: it is no such image, or the memory is too small for it.
[[nodiscard]] LoadedImage load_image(const GuestMemory& memory, std::span<const std::byte> file, const std::string& name);

}  // namespace eremite::vmm
