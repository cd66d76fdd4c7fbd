#pragma once
// Clearing and copying of page frames through the direct map.
#include <cstddef>
#include <cstdint>

#include "base/address.hpp"

namespace eremite::mm {

// Zeroes `pages` frames from `start` on.
inline void zero_pages(PhysicalAddress start, size_t pages) {
    // SAFETY: the direct map reaches every frame, and the caller owns these. Volatile keeps the compiler from making this a
    // call of memset, whose `rep stos` goes byte by byte on emulators; sixteen stores a turn make the loop itself cheap.
    auto* word = direct_map(start).as<volatile uint64_t>();
    auto* const end = word + pages * (page_size / sizeof(uint64_t));
    for (; word != end; word += 32) {
#pragma GCC unroll 32
        for (int i = 0; i < 32; ++i) word[i] = 0;
    }
}

// Copies one frame.
inline void copy_page(PhysicalAddress to, PhysicalAddress from) {
    // SAFETY: as above; the frames are different.
    auto* out = direct_map(to).as<volatile uint64_t>();
    const auto* in = direct_map(from).as<const uint64_t>();
    const auto* const end = in + page_size / sizeof(uint64_t);
    for (; in != end; in += 16, out += 16) {
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) out[i] = in[i];
    }
}

}  // namespace eremite::mm
