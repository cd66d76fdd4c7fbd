#pragma once
// What the bits around a frame's address in the page tree say of a cached page. Private to this folder.
#include <cstdint>

#include "libos/fs/page_tree.hpp"

namespace eremite::fs::slot {

inline constexpr uint64_t reading = 2;     // the contents are not here yet
inline constexpr uint64_t dirty = 4;       // has to be written back
inline constexpr uint64_t writing = 8;     // is being written back
inline constexpr uint64_t referenced = 16; // was used since an eviction passed by
inline constexpr uint64_t evicting = 32;   // goes, unless it is used before
// Copies that use the page count in the highest bits.
inline constexpr unsigned pin_shift = 52;
inline constexpr uint64_t one_pin = uint64_t{1} << pin_shift;
inline constexpr uint64_t most_pins = (uint64_t{1} << (64 - pin_shift)) - 1;

[[nodiscard]] constexpr uint64_t pins(uint64_t slot) { return slot >> pin_shift; }
[[nodiscard]] constexpr PhysicalAddress frame(uint64_t slot) { return PhysicalAddress{slot & PageTree::address_bits}; }
[[nodiscard]] constexpr bool idle(uint64_t slot) { return (slot & (reading | writing)) == 0 && pins(slot) == 0; }
[[nodiscard]] constexpr bool evictable(uint64_t slot) { return idle(slot) && (slot & (dirty | evicting)) == 0; }

}  // namespace eremite::fs::slot
