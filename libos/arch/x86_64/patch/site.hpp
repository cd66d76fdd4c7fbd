#pragma once
// Finds room for a long jump near a `syscall` instruction: five bytes of padding that no thread ever executes.
//
// Only the two bytes of `syscall` itself may change at a site, because any instruction of the program may branch to it or
// behind it. They hold a short jump, so the long jump must stand within 128 bytes, in bytes that are certainly dead:
// overwriting a live nop breaks the program. What we take for certain, and why:
//
//  * The padding directly follows an instruction behind which control cannot go on. A short jump to an `e9` does not
//    count: it may be a patched site, and control does come back behind that one.
//  * It ends at a 16-aligned address, does not begin at one, and no nop of it ends at one in between; or it is a single
//    nop that ends at an 8-aligned address. So it is what an alignment directive filled in, and the label that the directive
//    aligned stands behind it: compilers put the label of a function or a loop after the directive, never before. Nops that
//    somebody wrote (a function with patchable entry, say) begin at the label, and hence at the aligned address.
//  * It does not begin with a one-byte nop that a longer one follows. Assemblers fill with the longest nops first; a
//    leading 90 or cc is one that was written, such as a probe, and may be a branch's target.
//  * No direct branch and no `lea` within 64 KiB has its target in it, unless decoding from before it shows that the bytes
//    are no such instruction.
//  * Decoded from most offsets before it, the code arrives at it, and never with another last instruction than an
//    unconditional transfer. This is what tells `ret` from the last byte of `mov %rax,%rbx`, and code from data.
//
// What cannot be seen: an indirect branch into padding, and nops behind a `ret` that the program itself rewrites later
// (XRay's exit sleds). No compiler makes the former.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"

namespace eremite::arch::patch {

inline constexpr size_t site_size = 2;  // of `syscall`, and of a short jump
inline constexpr size_t hole_size = 5;  // of `jmp rel32`

// Offsets in the text. The hole lies in the padding; all of the padding is dead.
struct Site {
    size_t hole;
    size_t padding_start;
    size_t padding_end;

    constexpr bool operator==(const Site&) const = default;
};

// The hole for the `syscall` at `syscall_offset` of `text`, which is executable memory that stands at `base` (all of the
// mapping, since branches in it are looked for). Empty when there is none in reach, when the two bytes are not `0f 05` or
// cannot be replaced atomically, and for rt_sigreturn, by whose bytes unwinders know a signal frame.
//
// A hole serves one site. Whoever writes the jump also fills the rest of the padding with int3 (`padding_fill`), whereupon
// a later call finds what is left of it behind that jump. Requires: no one else writes to the text meanwhile.
[[nodiscard]] std::optional<Site> find_site(std::span<const uint8_t> text, VirtualAddress base, size_t syscall_offset);

}  // namespace eremite::arch::patch
