#pragma once
// What `objdump -d` makes of a file, as a second opinion on ours.
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "libos/arch/x86_64/patch/instruction_length.hpp"

namespace eremite::arch::patch::test {

struct ListedInstruction {
    uint64_t address;
    size_t offset;  // in the bytes of the section
    size_t length;
    InstructionClass kind;
    bool split;           // objdump joins fwait with the instruction behind it; the CPU does not
    uint64_t target = 0;  // of a direct branch
};

// One section of one object file; its bytes are contiguous.
struct ListedSection {
    std::string name;
    std::vector<uint8_t> bytes;
    std::vector<ListedInstruction> instructions;

    [[nodiscard]] std::span<const uint8_t> from(const ListedInstruction& i) const { return std::span{bytes}.subspan(i.offset); }
    [[nodiscard]] std::string hex(const ListedInstruction& i) const;
};

// Runs objdump on a program, object or archive. Empty when that fails.
[[nodiscard]] std::vector<ListedSection> disassemble(const std::string& path);

}  // namespace eremite::arch::patch::test
