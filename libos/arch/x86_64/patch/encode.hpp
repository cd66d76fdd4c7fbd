#pragma once
// The jumps that take the place of a `syscall` instruction.
//
//     site:        eb rel8               jmp hole             over 0f 05
//     hole:        e9 rel32              jmp trampoline       over dead padding
//     trampoline:  48 8d 0d rel32        lea site+2(%rip),%rcx
//                  e9 rel32              jmp entry
//
// `syscall` leaves its return address in rcx, and so does the trampoline; it changes no other register, flag or memory.
// It does not put rflags into r11 as `syscall` does.
//
// Order of writes. First the trampoline, the hole, and `padding_fill` over the rest of the padding, by any stores, since
// nothing executes these bytes yet. Then, where other CPUs may come to the site, its first byte becomes `padding_fill`, and every
// CPU executes a serializing instruction, such as the iretq of an interrupt, because it may have prefetched the old bytes (Intel
// SDM vol. 3A, 9.1.3; the writing CPU too if it wrote through another mapping, 12.6), or be about to take the second one:
// an emulated CPU reads them one at a time. Then the site's two bytes, as one 16-bit store. All along a CPU fetches
// `syscall`, `int3` or the short jump. The first and the last enter the library OS with the same registers, and who meets the second,
// however late, goes on at the hole. So it does not matter when a CPU sees a change, and a fault between two steps leaves a program
// that works.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"

namespace eremite::arch::patch {

// int3: dead padding that is left over counts as padding still, and traps should anything ever come there.
inline constexpr uint8_t padding_fill = 0xcc;

// An upper bound of Trampoline::size, so that an array of trampolines can have this stride.
inline constexpr size_t trampoline_size = 32;

using ShortJump = std::array<uint8_t, 2>;
using NearJump = std::array<uint8_t, 5>;

struct Trampoline {
    std::array<uint8_t, trampoline_size> bytes;  // int3 behind `size`
    size_t size;

    [[nodiscard]] std::span<const uint8_t> code() const { return std::span{bytes}.first(size); }
};

// Whether one 16-bit store replaces the `syscall` here atomically: it must not cross a cache line of 64 bytes
// (Intel SDM vol. 3A, 9.1.1).
[[nodiscard]] constexpr bool replaceable_atomically(VirtualAddress site) { return (site.value & 63) != 63; }

// `jmp rel8` at `from`; empty when `to` is not within -128..127 bytes of the jump's end. Source: Intel SDM vol. 2A, JMP.
[[nodiscard]] std::optional<ShortJump> encode_short_jump(VirtualAddress from, VirtualAddress to);

// `jmp rel32` at `from`; empty when `to` is not within 2 GiB of the jump's end.
[[nodiscard]] std::optional<NearJump> encode_near_jump(VirtualAddress from, VirtualAddress to);

// The trampoline that stands at `at`: rcx = return_address, continue at `entry`. Any two addresses are in reach; those
// beyond 2 GiB take `movabs` and an indirect jump through eight bytes behind it.
[[nodiscard]] Trampoline encode_trampoline(VirtualAddress at, VirtualAddress return_address, VirtualAddress entry);

}  // namespace eremite::arch::patch
