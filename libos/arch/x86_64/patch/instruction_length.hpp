#pragma once
// Lengths of x86-64 instructions in 64-bit mode, and the little of their meaning that is needed to tell where control
// cannot fall through. Patching of call sites uses it to find padding that is never executed.
#include <cstddef>
#include <cstdint>
#include <span>

namespace eremite::arch::patch {

// An instruction is at most this long (Intel SDM vol. 2A, 2.3.11).
inline constexpr size_t longest_instruction = 15;

enum class InstructionClass : uint8_t {
    Ordinary,
    Return,  // near, far and interrupt returns
    Jump,    // unconditional, direct or indirect
    Branch,  // conditional jumps and calls: control may go on behind them
    Nop,     // every form that assemblers and linkers pad with: 90, 66 90, 0f 1f /0 under prefixes, and int3
    Trap,    // ud2, hlt
    Invalid,
};

struct Instruction {
    uint8_t length;  // 1..15; 0 when Invalid
    InstructionClass kind;

    [[nodiscard]] constexpr bool valid() const { return kind != InstructionClass::Invalid; }
    constexpr bool operator==(const Instruction&) const = default;
};

// Decodes the instruction at the start of `code`. Total: any bytes are allowed and none behind the span is read. Invalid
// means truncated, longer than 15 bytes, undefined in 64-bit mode, or of a length that depends on the vendor (a near
// branch with an operand-size prefix: 16-bit displacement for AMD, 32-bit for Intel). Not every undefined encoding is
// recognized. Source: Intel SDM vol. 2A chapter 2 and vol. 2D appendix A; AMD APM vol. 3 for SSE4a, 3DNow! and XOP.
[[nodiscard]] Instruction decode_instruction(std::span<const uint8_t> code);

}  // namespace eremite::arch::patch
