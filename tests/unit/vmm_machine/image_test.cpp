#include "vmm/boot/image.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/unit/cli/elf_builder.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

using cli::ElfBuilder;

constexpr uint64_t mib = uint64_t{1} << 20;

struct ImageTest : ::testing::Test {
    vmm::GuestMemory memory{4 * mib};

    vmm::LoadedImage load(const std::string& file) { return vmm::load_image(memory, cli::as_bytes(file), "image"); }
    std::string refused(const std::string& file) {
        try {
            (void)load(file);
        } catch (const vmm::Error& error) {
            return error.what();
        }
        return "it was loaded";
    }
    static ElfBuilder small() { return ElfBuilder{}.segment(PT_LOAD, mib, "code", 0x2000).segment(PT_NOTE, 0, cli::pvh_note(mib + 1)); }
};

TEST_F(ImageTest, IsCopiedToWhereItWantsToBe) {
    const auto image = load(small().build());
    EXPECT_EQ(image.entry, mib + 1);
    EXPECT_EQ(image.end, mib + 0x2000);
    EXPECT_EQ(std::memcmp(memory.piece(mib, 4).data(), "code", 4), 0);
}

TEST_F(ImageTest, ItsOtherNotesAreLeftAlone) {
    const std::string other("\4\0\0\0\4\0\0\0\3\0\0\0GNU\0abcd", 20);
    const auto image = load(ElfBuilder{}.segment(PT_LOAD, mib, "code").segment(PT_NOTE, 0, other + cli::pvh_note(mib)).build());
    EXPECT_EQ(image.entry, mib);
}

TEST_F(ImageTest, WhatIsNone) {
    EXPECT_NE(refused("").find("no ELF file"), std::string::npos);
    EXPECT_NE(refused(std::string(1000, 'x')).find("no ELF file"), std::string::npos);
    EXPECT_NE(refused(ElfBuilder{}.segment(PT_LOAD, mib, "code").build()).find("no PVH entry point"), std::string::npos);
    EXPECT_NE(refused(ElfBuilder{}.segment(PT_NOTE, 0, cli::pvh_note(mib)).build()).find("nothing in it"), std::string::npos);
    std::string other = small().build();
    other[offsetof(Elf64_Ehdr, e_machine)] = EM_AARCH64 - 0x80;
    EXPECT_NE(refused(other).find("x86-64"), std::string::npos);
}

TEST_F(ImageTest, EachShorterFileIsRefusedOrLoaded) {
    const std::string whole = small().build();
    for (size_t size = 0; size < whole.size(); ++size) (void)refused(whole.substr(0, size));
}

TEST_F(ImageTest, SegmentsThatDoNotFit) {
    for (const uint64_t address : {4 * mib - 3, 4 * mib, UINT64_MAX - 2, uint64_t{1} << 63})
        EXPECT_NE(refused(ElfBuilder{}.segment(PT_LOAD, address, "code").segment(PT_NOTE, 0, cli::pvh_note(mib)).build()).find("--memory"), std::string::npos);
    EXPECT_NE(refused(ElfBuilder{}.segment(PT_LOAD, mib, "code", UINT64_MAX).build()).find("--memory"), std::string::npos);
}

TEST_F(ImageTest, EntryOutsideOfIt) {
    EXPECT_NE(refused(ElfBuilder{}.segment(PT_LOAD, mib, "code").segment(PT_NOTE, 0, cli::pvh_note(3 * mib)).build()).find("outside"), std::string::npos);
}

}  // namespace
}  // namespace eremite::test
