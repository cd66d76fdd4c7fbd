#include "libos/arch/x86_64/patch/instruction_length.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/patch/listing.hpp"

namespace eremite::arch::patch {
namespace {

using enum InstructionClass;

struct Case {
    const char* name;
    std::vector<uint8_t> bytes;
    InstructionClass kind = Ordinary;
};

// What compilers make is compared with objdump below; these are the rules that real code seldom shows.
const Case cases[] = {
    {"nop", {0x90}, Nop},
    {"xchg %ax,%ax", {0x66, 0x90}, Nop},
    {"pause", {0xf3, 0x90}},
    {"xchg %eax,%r8d", {0x41, 0x90}},
    {"int3", {0xcc}, Nop},
    {"nopl (%rax)", {0x0f, 0x1f, 0x00}, Nop},
    {"cs nopw", {0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}, Nop},
    {"data16 cs nopw", {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}, Nop},
    {"hint that is not 0f 1f /0", {0x0f, 0x1f, 0x08}},
    {"endbr64", {0xf3, 0x0f, 0x1e, 0xfa}},
    {"ret", {0xc3}, Return},
    {"repz ret", {0xf3, 0xc3}, Return},
    {"ret imm16", {0xc2, 8, 0}, Return},
    {"lret", {0xcb}, Return},
    {"iretq", {0x48, 0xcf}, Return},
    {"jmp rel8", {0xeb, 0}, Jump},
    {"jmp rel32", {0xe9, 0, 0, 0, 0}, Jump},
    {"bnd jmp rel32", {0xf2, 0xe9, 0, 0, 0, 0}, Jump},
    {"notrack jmp *%rax", {0x3e, 0xff, 0xe0}, Jump},
    {"jmp *disp32(%rip)", {0xff, 0x25, 0, 0, 0, 0}, Jump},
    {"call rel32", {0xe8, 0, 0, 0, 0}, Branch},
    {"data16 data16 rex.W call", {0x66, 0x66, 0x48, 0xe8, 0, 0, 0, 0}, Branch},
    {"call *%rax", {0xff, 0xd0}, Branch},
    {"jne rel8", {0x75, 0}, Branch},
    {"jne rel32", {0x0f, 0x85, 0, 0, 0, 0}, Branch},
    {"jrcxz", {0xe3, 0}, Branch},
    {"xbegin", {0xc7, 0xf8, 0, 0, 0, 0}, Branch},
    {"xabort", {0xc6, 0xf8, 0}},
    {"ud2", {0x0f, 0x0b}, Trap},
    {"hlt", {0xf4}, Trap},
    {"syscall", {0x0f, 0x05}},
    {"mov imm64", {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"mov imm32", {0xb8, 0, 0, 0, 0}},
    {"mov imm16", {0x66, 0xb8, 0, 0}},
    {"mov imm64, REX.W over 66", {0x66, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"REX that a prefix follows counts for nothing", {0x48, 0x66, 0xb8, 0, 0}},
    {"push imm16", {0x66, 0x68, 0, 0}},
    {"mov moffs", {0xa1, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"addr32 mov moffs", {0x67, 0xa1, 0, 0, 0, 0}},
    {"enter", {0xc8, 0, 0, 0}},
    {"test imm8", {0xf6, 0xc0, 0}},
    {"neg 8", {0xf6, 0xd8}},
    {"test imm32", {0xf7, 0xc0, 0, 0, 0, 0}},
    {"test imm16", {0x66, 0xf7, 0xc0, 0, 0}},
    {"div", {0xf7, 0xf0}},
    {"imul imm32", {0x69, 0xc0, 0, 0, 0, 0}},
    {"imul imm8", {0x6b, 0xc0, 0}},
    {"SIB, no base", {0x8b, 0x04, 0x25, 0, 0, 0, 0}},
    {"SIB, disp8", {0x8b, 0x44, 0x24, 0}},
    {"SIB, disp32", {0x8b, 0x84, 0x24, 0, 0, 0, 0}},
    {"rip-relative and imm32", {0x48, 0xc7, 0x05, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"mov %cr0,%rax", {0x0f, 0x20, 0x00}},
    {"pshufb", {0x66, 0x0f, 0x38, 0x00, 0xc1}},
    {"palignr", {0x66, 0x0f, 0x3a, 0x0f, 0xc1, 0}},
    {"3DNow! pfadd", {0x0f, 0x0f, 0xc1, 0x9e}},
    {"SSE4a extrq", {0x66, 0x0f, 0x78, 0xc0, 0, 0}},
    {"vmread", {0x0f, 0x78, 0xc0}},
    {"vzeroupper", {0xc5, 0xf8, 0x77}},
    {"vpshufd", {0xc5, 0xf9, 0x70, 0xc0, 0}},
    {"vpermq", {0xc4, 0xe3, 0xfd, 0x00, 0xc0, 0}},
    {"andn", {0xc4, 0xe2, 0x78, 0xf2, 0xc0}},
    {"EVEX vmovdqa32 disp8", {0x62, 0xe1, 0x7d, 0x48, 0x7f, 0x4e, 0x01}},
    {"EVEX vpternlogd", {0x62, 0xf3, 0x7d, 0x48, 0x25, 0xc0, 0xff}},
    {"XOP vprotd imm8", {0x8f, 0xe8, 0x78, 0xc2, 0xc0, 0x07}},
    {"XOP bextr imm32", {0x8f, 0xea, 0x78, 0x10, 0xc0, 0, 0, 0, 0}},
    {"pop (%rax)", {0x8f, 0x00}},
};

const Case invalid[] = {
    {"push %es", {0x06}},
    {"operand size before a near branch", {0x66, 0xe9, 0, 0, 0, 0}},
    {"operand size before a conditional branch", {0x66, 0x0f, 0x85, 0, 0, 0, 0}},
    {"16 bytes", {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}},
    {"prefixes only", {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}},
    {"lea of a register", {0x8d, 0xc0}},
    {"REX before VEX", {0x48, 0xc5, 0xf8, 0x77}},
    {"VEX map 0", {0xc4, 0xe0, 0x78, 0x77}},
    {"EVEX fixed bit", {0x62, 0xf1, 0x79, 0x48, 0x6f, 0x00}},
    {"ff /7", {0xff, 0xf8}},
    {"fe /2", {0xfe, 0xd0}},
    {"far call", {0x9a, 0, 0, 0, 0, 0, 0}},
    {"nothing", {}},
};

TEST(InstructionLength, DecodesEachForm) {
    for (const Case& c : cases) {
        std::vector<uint8_t> padded = c.bytes;
        padded.resize(c.bytes.size() + 20, 0x00);
        const Instruction got = decode_instruction(padded);
        EXPECT_EQ(got.length, c.bytes.size()) << c.name;
        EXPECT_EQ(got.kind, c.kind) << c.name;
        EXPECT_EQ(decode_instruction(c.bytes), got) << c.name;
    }
}

TEST(InstructionLength, RejectsWhatIsUndefined) {
    for (const Case& c : invalid) EXPECT_EQ(decode_instruction(c.bytes), (Instruction{0, Invalid})) << c.name;
}

TEST(InstructionLength, RejectsEveryTruncation) {
    for (const Case& c : cases) {
        for (size_t size = 0; size < c.bytes.size(); ++size) {
            // A heap block of the exact size, so that AddressSanitizer sees a read behind it.
            const std::unique_ptr<uint8_t[]> bytes{new uint8_t[size]};
            std::copy_n(c.bytes.begin(), size, bytes.get());
            EXPECT_FALSE(decode_instruction({bytes.get(), size}).valid()) << c.name << " cut to " << size;
        }
    }
}

TEST(InstructionLength, IsTotalAndDependsOnItsOwnBytesOnly) {
    std::mt19937 random{1};
    for (int round = 0; round < 300'000; ++round) {
        std::vector<uint8_t> bytes(random() % 24);
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
        const Instruction whole = decode_instruction(bytes);
        ASSERT_LE(whole.length, std::min(bytes.size(), longest_instruction));
        ASSERT_EQ(whole.length == 0, !whole.valid());
        if (!whole.valid()) continue;
        ASSERT_EQ(decode_instruction(std::span{bytes}.first(whole.length)), whole);
        ASSERT_FALSE(decode_instruction(std::span{bytes}.first(whole.length - 1u)).valid());
    }
}

// Compares with objdump; returns the number of instructions. objdump joins fwait with the x87 instruction behind it.
size_t compare_with_objdump(const std::string& path) {
    size_t count = 0;
    size_t disagreements = 0;
    for (const auto& section : test::disassemble(path)) {
        for (const auto& listed : section.instructions) {
            if (listed.kind == Invalid) continue;
            const size_t skipped = listed.split ? 1 : 0;
            const Instruction ours = decode_instruction(section.from(listed).subspan(skipped));
            ++count;
            if (ours.length + skipped == listed.length && ours.kind == listed.kind) continue;
            ++disagreements;
            if (disagreements <= 20) {
                ADD_FAILURE() << section.name << " at " << std::hex << listed.address << ":" << section.hex(listed) << ": length "
                              << std::dec << ours.length + skipped << ", not " << listed.length << "; class "
                              << static_cast<int>(ours.kind) << ", not " << static_cast<int>(listed.kind);
            }
        }
    }
    EXPECT_EQ(disagreements, 0u) << path;
    return count;
}

TEST(InstructionLength, AgreesWithObjdumpOnAProgram) {
    const size_t count = compare_with_objdump(PATCH_SAMPLE_PROGRAM);
    RecordProperty("instructions", static_cast<int>(count));
    EXPECT_GT(count, 200'000u);
}

// Libraries of the build machine, as far as there are any. Those with data in their text are left out: objdump decodes it
// as code and is itself uncertain there.
TEST(InstructionLength, AgreesWithObjdumpOnLibraries) {
    size_t count = 0;
    for (const char* path : {PATCH_SAMPLE_LIBRARIES}) count += compare_with_objdump(path);
    RecordProperty("instructions", static_cast<int>(count));
    if (count == 0) GTEST_SKIP() << "no static library to compare with";
}

}  // namespace
}  // namespace eremite::arch::patch
