#pragma once
// The program to run: linked with us, or an executable from a boot module or the initramfs.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/mm/address_space.hpp"

namespace eremite::init {

struct Program {
    VirtualAddress entry;
    VirtualAddress headers;   // its program headers in memory (AT_PHDR)
    uint64_t header_count;
    uint64_t bias;            // what was added to its addresses: 0 unless static-PIE
    VirtualRange text;        // its executable segment
};

// The program that the linker put into this image. Requires: has_linked_program().
[[nodiscard]] Program linked_program();

}  // namespace eremite::init
