#include "libos/arch/x86_64/patch/instruction_length.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace eremite::arch::patch {
namespace {

// What follows an opcode, a character for each, in rows of sixteen as in the SDM's opcode maps:
//   .  nothing             M  ModRM                    x  undefined
//   b  imm8                B  ModRM, imm8              w  imm16
//   z  imm16 or imm32      Z  ModRM, imm16 or imm32    v  as z, but imm64 with REX.W
//   r  rel8                R  rel32                    o  address (moffs)
//   e  imm16, imm8         t  ModRM, imm8 if test      T  ModRM, imm16 or imm32 if test
//   c  ModRM that names registers whatever its mod     q  ModRM, and imm8 imm8 with a 66 or f2 prefix
//   p  prefix or escape to another map
using OpcodeMap = std::string_view;

constexpr OpcodeMap one_byte_map =
    "MMMMbzxxMMMMbzxp"
    "MMMMbzxxMMMMbzxx"
    "MMMMbzpxMMMMbzpx"
    "MMMMbzpxMMMMbzpx"
    "pppppppppppppppp"
    "................"
    "xxpMppppzZbB...."
    "rrrrrrrrrrrrrrrr"
    "BZxBMMMMMMMMMMMM"
    "..........x....."
    "oooo....bz......"
    "bbbbbbbbvvvvvvvv"
    "BBw.ppBZe.w..bx."
    "MMMMxxx.MMMMMMMM"
    "rrrrbbbbRRxr...."
    "p.pp..tT......MM";

// Opcodes after 0f.
constexpr OpcodeMap two_byte_map =
    "MMMMx.....x.xM.B"
    "MMMMMMMMMMMMMMMM"
    "ccccxxxxMMMMMMMM"
    "......x.pxpxxxxx"
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMM"
    "BBBBMMM.qMxxMMMM"
    "RRRRRRRRRRRRRRRR"
    "MMMMMMMMMMMMMMMM"
    "...MBMMM...MBMMM"
    "MMMMMMMMMMBMMMMM"
    "MMBMBBBM........"
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMM";

// Opcodes after 0f 38.
constexpr OpcodeMap map_0f38 =
    "MMMMMMMMMMMMxxxx"
    "MxxxMMxMxxxxMMMx"
    "MMMMMMxxMMMMxxxx"
    "MMMMMMMMMMMMMMMM"
    "MMxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "MMMxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxMMMMMMxM"
    "xxxxxxxxMxxMMMMM"
    "xxxxxxxxxxxxxxxx"
    "MMxxxMMxMMMxMxxx";

// Opcodes after 0f 3a.
constexpr OpcodeMap map_0f3a =
    "xxxxxxxxBBBBBBBB"
    "xxxxBBBBxxxxxxxx"
    "BBBxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "BBBxBxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "BBBBxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxBxBB"
    "xxxxxxxxxxxxxxxB"
    "xxxxxxxxxxxxxxxx"
    "Bxxxxxxxxxxxxxxx";

// Opcodes of VEX map 1, and of EVEX map 1, which is smaller.
constexpr OpcodeMap vex_map_1 =
    "xxxxxxxxxxxxxxxx"
    "MMMMMMMMxxxxxxxx"
    "xxxxxxxxMMMMMMMM"
    "xxxxxxxxxxxxxxxx"
    "xMMxMMMMxxMMxxxx"
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMM"
    "BBBBMMM.MMMMMMMM"
    "xxxxxxxxxxxxxxxx"
    "MMMMxxxxMMxxxxxx"
    "xxxxxxxxxxxxxxMx"
    "xxxxxxxxxxxxxxxx"
    "xxBxBBBxxxxxxxxx"
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMx";

static_assert(one_byte_map.size() == 256 && two_byte_map.size() == 256 && map_0f38.size() == 256 && map_0f3a.size() == 256 &&
              vex_map_1.size() == 256);

constexpr uint8_t rex_w = 0x08;
constexpr uint8_t rex_b = 0x01;

constexpr Instruction invalid_instruction{0, InstructionClass::Invalid};

class Decoder {
public:
    explicit Decoder(std::span<const uint8_t> code) : code_{code.first(std::min(code.size(), longest_instruction))} {}

    [[nodiscard]] Instruction decode() {
        read_prefixes();
        const auto opcode = take();
        if (!opcode) return invalid_instruction;
        switch (*opcode) {
            case 0x0f: return escape();
            case 0x62: return evex();
            case 0xc4: return vex3();
            case 0xc5: return vex2();
            case 0x8f: return pop_or_xop();
            default: return finish(one_byte_map[*opcode], one_byte_class(*opcode));
        }
    }

private:
    [[nodiscard]] std::optional<uint8_t> peek() const {
        return position_ < code_.size() ? std::optional{code_[position_]} : std::nullopt;
    }
    [[nodiscard]] std::optional<uint8_t> take() {
        const auto byte = peek();
        if (byte) ++position_;
        return byte;
    }

    // A REX prefix counts only directly before the opcode, so every legacy prefix clears it (SDM vol. 2A, 2.2.1).
    void read_prefixes() {
        while (const auto byte = peek()) {
            if ((*byte & 0xf0) == 0x40) {
                rex_ = *byte;
            } else {
                switch (*byte) {
                    case 0x66: operand_size_ = true; break;
                    case 0x67: address_size_ = true; break;
                    case 0xf0: lock_ = true; break;
                    case 0xf2: repne_ = true; break;
                    case 0xf3: rep_ = true; break;
                    case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: break;
                    default: return;
                }
                rex_ = 0;
            }
            ++position_;
        }
    }

    [[nodiscard]] Instruction escape() {
        const auto opcode = take();
        if (!opcode) return invalid_instruction;
        if (*opcode == 0x38 || *opcode == 0x3a) {
            const auto third = take();
            if (!third) return invalid_instruction;
            return finish((*opcode == 0x38 ? map_0f38 : map_0f3a)[*third], InstructionClass::Ordinary);
        }
        return finish(two_byte_map[*opcode], two_byte_class(*opcode));
    }

    // VEX, EVEX and XOP take the place of these prefixes, which are undefined before them (SDM vol. 2A, 2.3.2 to 2.3.4).
    [[nodiscard]] bool vex_allowed() const { return !operand_size_ && !lock_ && !repne_ && !rep_ && rex_ == 0; }

    [[nodiscard]] Instruction vex2() {
        const auto fields = take();
        const auto opcode = take();
        if (!fields || !opcode || !vex_allowed()) return invalid_instruction;
        return finish(vex_map_1[*opcode], InstructionClass::Ordinary);
    }

    [[nodiscard]] Instruction vex3() {
        const auto map = take();
        const auto fields = take();
        const auto opcode = take();
        if (!map || !fields || !opcode || !vex_allowed()) return invalid_instruction;
        switch (*map & 0x1f) {
            case 1: return finish(vex_map_1[*opcode], InstructionClass::Ordinary);
            case 2: return finish('M', InstructionClass::Ordinary);
            case 3: return finish('B', InstructionClass::Ordinary);
            default: return invalid_instruction;
        }
    }

    // Fixed bits: bit 3 of the first payload byte is 0, bit 2 of the second is 1 (SDM vol. 2A, table 2-31).
    [[nodiscard]] Instruction evex() {
        const auto first = take();
        const auto second = take();
        const auto third = take();
        const auto opcode = take();
        if (!first || !second || !third || !opcode || !vex_allowed()) return invalid_instruction;
        if ((*first & 0x08) != 0 || (*second & 0x04) == 0) return invalid_instruction;
        switch (*first & 0x07) {
            case 1: return finish(*opcode == 0x77 ? 'x' : vex_map_1[*opcode], InstructionClass::Ordinary);
            case 2: case 5: case 6: return finish('M', InstructionClass::Ordinary);
            case 3: return finish('B', InstructionClass::Ordinary);
            default: return invalid_instruction;
        }
    }

    // 8f is pop, or XOP when the map field, which lies over ModRM's reg, is at least 8 (AMD APM vol. 3, 1.9).
    [[nodiscard]] Instruction pop_or_xop() {
        const auto map = peek();
        if (!map) return invalid_instruction;
        if ((*map & 0x1f) < 8) return (*map & 0x38) == 0 ? finish('M', InstructionClass::Ordinary) : invalid_instruction;
        ++position_;
        const auto fields = take();
        const auto opcode = take();
        if (!fields || !opcode || !vex_allowed()) return invalid_instruction;
        switch (*map & 0x1f) {
            case 8: return finish('B', InstructionClass::Ordinary);
            case 9: return finish('M', InstructionClass::Ordinary);
            case 10: return skip_operands(4, true) ? done(InstructionClass::Ordinary) : invalid_instruction;
            default: return invalid_instruction;
        }
    }

    [[nodiscard]] bool plain() const { return !lock_ && !repne_ && !rep_; }

    [[nodiscard]] InstructionClass one_byte_class(uint8_t opcode) const {
        switch (opcode) {
            case 0xc2: case 0xc3: case 0xca: case 0xcb: case 0xcf: return InstructionClass::Return;
            case 0xe9: case 0xeb: return InstructionClass::Jump;
            case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe8: return InstructionClass::Branch;
            // With f3 it is pause, with REX.B it exchanges r8.
            case 0x90: return plain() && (rex_ & rex_b) == 0 ? InstructionClass::Nop : InstructionClass::Ordinary;
            case 0xcc: return InstructionClass::Nop;
            case 0xf4: return InstructionClass::Trap;
            case 0xfe: return modrm_reg() <= 1 ? InstructionClass::Ordinary : InstructionClass::Invalid;
            case 0xff:
                switch (modrm_reg()) {
                    case 2: case 3: return InstructionClass::Branch;
                    case 4: case 5: return InstructionClass::Jump;
                    case 7: return InstructionClass::Invalid;
                    default: return InstructionClass::Ordinary;
                }
            case 0x8d: return peek().value_or(0xff) < 0xc0 ? InstructionClass::Ordinary : InstructionClass::Invalid;
            case 0xc6: case 0xc7:
                if (peek() == 0xf8) return opcode == 0xc7 ? InstructionClass::Branch : InstructionClass::Ordinary;  // xbegin, xabort
                return modrm_reg() == 0 ? InstructionClass::Ordinary : InstructionClass::Invalid;
            default: return (opcode & 0xf0) == 0x70 ? InstructionClass::Branch : InstructionClass::Ordinary;
        }
    }

    [[nodiscard]] InstructionClass two_byte_class(uint8_t opcode) const {
        if ((opcode & 0xf0) == 0x80) return InstructionClass::Branch;
        if (opcode == 0x0b) return InstructionClass::Trap;
        if (opcode == 0x1f && modrm_reg() == 0 && plain()) return InstructionClass::Nop;
        return InstructionClass::Ordinary;
    }

    // Requires: position_ is at the ModRM byte. A missing one is found by finish().
    [[nodiscard]] unsigned modrm_reg() const { return (peek().value_or(0) >> 3) & 7; }

    [[nodiscard]] size_t operand_immediate() const { return operand_size_ && (rex_ & rex_w) == 0 ? 2 : 4; }

    [[nodiscard]] Instruction finish(char form, InstructionClass kind) {
        size_t immediate = 0;
        bool has_modrm = false;
        switch (form) {
            case '.': break;
            case 'M': has_modrm = true; break;
            case 'B': has_modrm = true; immediate = 1; break;
            case 'b': case 'r': immediate = 1; break;
            case 'w': immediate = 2; break;
            case 'e': immediate = 3; break;
            case 'z': immediate = operand_immediate(); break;
            case 'Z': has_modrm = true; immediate = operand_immediate(); break;
            case 'v': immediate = (rex_ & rex_w) != 0 ? 8 : operand_immediate(); break;
            case 'o': immediate = address_size_ ? 4 : 8; break;
            case 't': has_modrm = true; immediate = modrm_reg() <= 1 ? 1 : 0; break;
            case 'T': has_modrm = true; immediate = modrm_reg() <= 1 ? operand_immediate() : 0; break;
            case 'q': has_modrm = true; immediate = operand_size_ || repne_ ? 2 : 0; break;
            case 'c': immediate = 1; break;
            case 'R':
                if (operand_size_ && (rex_ & rex_w) == 0) return invalid_instruction;
                immediate = 4;
                break;
            default: return invalid_instruction;
        }
        return skip_operands(immediate, has_modrm) ? done(kind) : invalid_instruction;
    }

    // ModRM, SIB and displacement (SDM vol. 2A, tables 2-2 and 2-3), then the immediate.
    [[nodiscard]] bool skip_operands(size_t immediate, bool has_modrm) {
        size_t rest = immediate;
        if (has_modrm) {
            const auto modrm = take();
            if (!modrm) return false;
            const unsigned mod = *modrm >> 6;
            unsigned base = *modrm & 7;
            if (mod != 3 && base == 4) {
                const auto sib = take();
                if (!sib) return false;
                base = *sib & 7;
            }
            if (mod == 1) rest += 1;
            if (mod == 2 || (mod == 0 && base == 5)) rest += 4;
        }
        if (code_.size() - position_ < rest) return false;
        position_ += rest;
        return true;
    }

    [[nodiscard]] Instruction done(InstructionClass kind) const {
        if (kind == InstructionClass::Invalid) return invalid_instruction;
        return {static_cast<uint8_t>(position_), kind};
    }

    std::span<const uint8_t> code_;
    size_t position_ = 0;
    uint8_t rex_ = 0;
    bool operand_size_ = false;
    bool address_size_ = false;
    bool lock_ = false;
    bool repne_ = false;
    bool rep_ = false;
};

}  // namespace

Instruction decode_instruction(std::span<const uint8_t> code) { return Decoder{code}.decode(); }

}  // namespace eremite::arch::patch
