#pragma once
// Where the parts of the image stand in memory. Link address and physical address are the same.
#include <elf.h>

#include <cstdint>
#include <span>

#include "base/address.hpp"

namespace eremite::init {

// A part of the library OS or the supervisor.
struct KernelPart {
    const char* name;
    VirtualRange range;
    uint8_t protection;  // PROT_* bits
    bool supervisor;
};
// In ascending order of parts of one kind; not sorted by address.
[[nodiscard]] std::span<const KernelPart> kernel_parts();

// The program linked with us: its ELF header and program headers in memory. Empty in `eremite-kernel`.
[[nodiscard]] const Elf64_Ehdr& image_header();
[[nodiscard]] std::span<const Elf64_Phdr> image_segments();
[[nodiscard]] bool has_linked_program();
// From the first to the last byte of the image, in whole pages.
[[nodiscard]] PhysicalRange image_extent();

}  // namespace eremite::init
