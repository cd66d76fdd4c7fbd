// Every system-call site of a real static C++ program.
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "tests/unit/patch/listing.hpp"
#include "tests/unit/patch/patched_text.hpp"

namespace eremite::arch::patch {
namespace {

using test::ListedInstruction;
using test::ListedSection;

class Program : public testing::Test {
protected:
    static void SetUpTestSuite() {
        sections = new std::vector<ListedSection>{test::disassemble(PATCH_SAMPLE_PROGRAM)};
        targets = new std::set<uint64_t>;
        for (const auto& section : *sections) {
            for (const auto& i : section.instructions) {
                if (i.target != 0) targets->insert(i.target);
            }
        }
    }
    static void TearDownTestSuite() {
        delete sections;
        delete targets;
    }

    // Padding as objdump sees it: nops from one boundary to another, behind an unconditional transfer, and no branch goes there.
    static void expect_dead(const ListedSection& section, const Site& site) {
        const VirtualAddress base = section.instructions[0].address;
        const auto listed = std::ranges::lower_bound(section.instructions, site.padding_start, {}, &ListedInstruction::offset);
        SCOPED_TRACE(testing::Message() << section.name << " padding at " << std::hex << (base + site.padding_start).value);
        ASSERT_NE(listed, section.instructions.begin());
        ASSERT_NE(listed, section.instructions.end());
        ASSERT_EQ(listed->offset, site.padding_start);
        const InstructionClass before = std::prev(listed)->kind;
        EXPECT_TRUE(before == InstructionClass::Return || before == InstructionClass::Jump || before == InstructionClass::Trap);
        size_t end = site.padding_start;
        for (auto i = listed; end < site.padding_end && i != section.instructions.end(); ++i) {
            EXPECT_EQ(i->kind, InstructionClass::Nop);
            end = i->offset + i->length;
        }
        EXPECT_EQ(end, site.padding_end);
        const auto target = targets->lower_bound((base + site.padding_start).value);
        EXPECT_TRUE(target == targets->end() || *target >= (base + site.padding_end).value);
    }

    static bool is_syscall(const ListedSection& section, const ListedInstruction& i) {
        return i.length == 2 && section.bytes[i.offset] == 0x0f && section.bytes[i.offset + 1] == 0x05;
    }

    static inline std::vector<ListedSection>* sections;
    static inline std::set<uint64_t>* targets;
};

TEST_F(Program, HasRoomForMostSites) {
    size_t sites = 0;
    size_t patchable = 0;
    for (const auto& section : *sections) {
        for (const auto& i : section.instructions) {
            if (!is_syscall(section, i)) continue;
            ++sites;
            const auto site = find_site(section.bytes, section.instructions[0].address, i.offset);
            if (!site) continue;
            ++patchable;
            expect_dead(section, *site);
            EXPECT_GE(site->hole, site->padding_start);
            EXPECT_LE(site->hole + hole_size, site->padding_end);
        }
    }
    std::cout << patchable << " of " << sites << " sites have a hole in reach\n";
    EXPECT_GT(sites, 50u);
    EXPECT_GE(patchable * 100, sites * 75);
}

// One after the other, so that they compete for holes.
TEST_F(Program, PatchesMostSitesTogether) {
    size_t sites = 0;
    size_t patched = 0;
    for (const auto& section : *sections) {
        const VirtualAddress base = section.instructions[0].address;
        std::vector<uint8_t> text = section.bytes;
        std::vector<bool> taken(text.size());
        for (const auto& i : section.instructions) {
            if (!is_syscall(section, i)) continue;
            ++sites;
            const auto site = test::patch(text, base, i.offset, base + 0x1000'0000);
            if (!site) continue;
            ++patched;
            for (size_t at = site->hole; at < site->hole + hole_size; ++at) {
                EXPECT_FALSE(taken[at]) << "two sites share a hole";
                taken[at] = true;
            }
        }
        // Nothing but sites and padding has changed.
        for (const auto& i : section.instructions) {
            if (i.kind == InstructionClass::Nop || is_syscall(section, i)) continue;
            const std::span now = std::span{text}.subspan(i.offset, i.length);
            EXPECT_TRUE(std::ranges::equal(now, section.from(i).first(i.length)));
        }
    }
    std::cout << patched << " of " << sites << " sites patched\n";
    EXPECT_GE(patched * 100, sites * 70);
}

// Many more holes than system calls look at: every sixth two-byte instruction is made a `syscall` for a moment.
TEST_F(Program, FindsOnlyDeadPaddingEverywhere) {
    size_t holes = 0;
    for (auto& section : *sections) {
        size_t seen = 0;
        for (const auto& i : section.instructions) {
            if (i.length != 2 || i.kind != InstructionClass::Ordinary || seen++ % 6 != 0) continue;
            const std::array saved{section.bytes[i.offset], section.bytes[i.offset + 1]};
            section.bytes[i.offset] = 0x0f;
            section.bytes[i.offset + 1] = 0x05;
            const auto site = find_site(section.bytes, section.instructions[0].address, i.offset);
            section.bytes[i.offset] = saved[0];
            section.bytes[i.offset + 1] = saved[1];
            if (!site) continue;
            ++holes;
            expect_dead(section, *site);
        }
    }
    EXPECT_GT(holes, 1'000u);
}

}  // namespace
}  // namespace eremite::arch::patch
