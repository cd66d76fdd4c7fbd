#include "cli/elf_image.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "cli/failure.hpp"
#include "cli/trial_image.hpp"
#include "elf_builder.hpp"

namespace eremite::cli {
namespace {

ElfImage parse(const std::string& file) {
    return ElfImage::parse(as_bytes(file), "file");
}

// What is wrong with a file; empty when nothing is.
std::string complaint(const std::string& file) {
    try {
        (void)parse(file);
        return {};
    } catch (const Failure& failure) {
        EXPECT_EQ(failure.status(), exit_status::not_runnable);
        return failure.what();
    }
}

bool complains_of(const std::string& file, std::string_view what) {
    return complaint(file).find(what) != std::string::npos;
}

// A changed copy of a file's header.
template <typename Change>
std::string with_header(std::string file, Change change) {
    Elf64_Ehdr header;
    std::memcpy(&header, file.data(), sizeof header);
    change(header);
    std::memcpy(file.data(), &header, sizeof header);
    return file;
}

ElfBuilder plain() {
    return ElfBuilder{}.segment(PT_LOAD, 0x400000, "code and data", 0x5000);
}

TEST(ElfImage, StaticExecutable) {
    const std::string file = plain().build();
    const ElfImage image = parse(file);
    EXPECT_EQ(image.flavour(), ElfFlavour::StaticExecutable);
    EXPECT_EQ(image.entry(), 0x401000);
    EXPECT_EQ(image.physical_end(), 0x405000);
    EXPECT_EQ(image.load_size(), 0x5000);
    EXPECT_FALSE(image.pvh_entry());
}

TEST(ElfImage, LinkedImageHasNoteAndSection) {
    const std::string note = pvh_note(0x123456);
    const std::string both = plain().segment(PT_NOTE, 0x400100, note).section("eremite_libos_text", 0x400000, "x").build();
    EXPECT_EQ(parse(both).flavour(), ElfFlavour::LinkedImage);
    EXPECT_EQ(parse(both).pvh_entry(), 0x123456);
    const std::string only_note = plain().segment(PT_NOTE, 0x400100, note).build();
    EXPECT_EQ(parse(only_note).flavour(), ElfFlavour::StaticExecutable);
    const std::string only_section = plain().section("eremite_libos_text", 0x400000, "x").build();
    EXPECT_EQ(parse(only_section).flavour(), ElfFlavour::StaticExecutable);
}

TEST(ElfImage, NoteAmongOthers) {
    std::string notes;
    const Elf64_Nhdr other{5, 3, 1};
    notes.append(12, '\0');
    std::memcpy(notes.data(), &other, sizeof other);
    notes += std::string("GNUx\0\0\0\0", 8) + std::string("abc\0", 4) + pvh_note(0x1000);
    EXPECT_EQ(parse(plain().segment(PT_NOTE, 0, notes).build()).pvh_entry(), 0x1000);
    for (size_t length = 0; length < notes.size(); ++length)
        EXPECT_FALSE(parse(plain().segment(PT_NOTE, 0, notes.substr(0, length)).build()).pvh_entry());
}

TEST(ElfImage, DynamicAndPie) {
    const auto pie = [] { return ElfBuilder{ET_DYN}.segment(PT_LOAD, 0, "x"); };
    EXPECT_EQ(parse(pie().build()).flavour(), ElfFlavour::StaticPie);
    EXPECT_EQ(parse(pie().segment(PT_INTERP, 0, "/lib64/ld-linux-x86-64.so.2").build()).flavour(), ElfFlavour::Dynamic);
    const Elf64_Dyn entries[]{{.d_tag = DT_NEEDED, .d_un = {.d_val = 1}}, {.d_tag = DT_NULL, .d_un = {.d_val = 0}}};
    std::string dynamic(sizeof entries, '\0');
    std::memcpy(dynamic.data(), entries, sizeof entries);
    EXPECT_EQ(parse(pie().segment(PT_DYNAMIC, 0, dynamic).build()).flavour(), ElfFlavour::Dynamic);
    EXPECT_EQ(parse(pie().segment(PT_DYNAMIC, 0, dynamic.substr(sizeof(Elf64_Dyn))).build()).flavour(), ElfFlavour::StaticPie);
}

TEST(ElfImage, SaysWhatIsWrong) {
    const std::string file = plain().build();
    EXPECT_TRUE(complains_of("", "empty"));
    EXPECT_TRUE(complains_of("#!/bin/sh\n", "no ELF file"));
    EXPECT_TRUE(
        complains_of("\x7f"
                     "EL",
                     "no ELF file"));
    EXPECT_TRUE(complains_of(std::string("\x7f"
                                         "ELF\2\1\1",
                                         7),
                             "truncated"));
    EXPECT_TRUE(complains_of(with_header(file, [](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }), "32-bit"));
    EXPECT_TRUE(complains_of(with_header(file, [](Elf64_Ehdr& h) { h.e_machine = EM_AARCH64; }), "another architecture"));
    EXPECT_TRUE(complains_of(with_header(file, [](Elf64_Ehdr& h) { h.e_type = ET_REL; }), "object file"));
    EXPECT_TRUE(complains_of(with_header(file, [](Elf64_Ehdr& h) { h.e_type = ET_CORE; }), "core dump"));
    EXPECT_TRUE(complains_of(with_header(file, [](Elf64_Ehdr& h) { h.e_phnum = 0; }), "no program headers"));
    EXPECT_TRUE(complains_of(with_header(file, [](Elf64_Ehdr& h) { h.e_phoff = UINT64_MAX - 3; }), "truncated"));
    EXPECT_TRUE(complains_of(with_header(file, [](Elf64_Ehdr& h) { h.e_phnum = 500; }), "truncated"));
    EXPECT_TRUE(complains_of(with_header(file, [](Elf64_Ehdr& h) { h.e_shoff = 1 << 30; }), "truncated"));
    EXPECT_TRUE(complains_of(ElfBuilder{}.segment(PT_NOTE, 0, "x").build(), "nothing to load"));
}

TEST(ElfImage, EveryTruncationIsSeen) {
    const std::string file = plain().segment(PT_NOTE, 0, pvh_note(1)).section("eremite_libos_text", 0x400000, "text").build();
    ASSERT_EQ(complaint(file), "");
    for (size_t length = 0; length < file.size(); ++length) EXPECT_NE(complaint(file.substr(0, length)), "") << length;
}

TEST(ElfImage, SegmentsThatDoNotFit) {
    const auto with_segment = [](auto change) {
        std::string file = plain().build();
        Elf64_Phdr segment;
        std::memcpy(&segment, file.data() + sizeof(Elf64_Ehdr), sizeof segment);
        change(segment);
        std::memcpy(file.data() + sizeof(Elf64_Ehdr), &segment, sizeof segment);
        return file;
    };
    EXPECT_TRUE(complains_of(with_segment([](Elf64_Phdr& s) { s.p_filesz = 100'000; }), "truncated"));
    EXPECT_TRUE(complains_of(with_segment([](Elf64_Phdr& s) { s.p_offset = UINT64_MAX; }), "truncated"));
    EXPECT_TRUE(complains_of(with_segment([](Elf64_Phdr& s) { s.p_memsz = 1; }), "larger in the file"));
    EXPECT_TRUE(complains_of(with_segment([](Elf64_Phdr& s) { s.p_paddr = UINT64_MAX; }), "beyond the address space"));
}

TEST(ElfImage, SectionsAndBytes) {
    const std::string file =
        plain().section(".text", 0x400000, "code").section("eremite_supervisor_text", 0x402000, "ring0", SHF_ALLOC | SHF_EXECINSTR).build();
    const ElfImage image = parse(file);
    const ElfSection* const text = image.find_section(".text");
    ASSERT_NE(text, nullptr);
    EXPECT_EQ(image.bytes_of(*text).size(), 4);
    EXPECT_EQ(image.section_at(0x400003), text);
    EXPECT_EQ(image.section_at(0x400004), nullptr);
    ASSERT_NE(image.section_at(0x402001), nullptr);
    EXPECT_EQ(part_of(image.section_at(0x402001)->name), ImagePart::Supervisor);
    EXPECT_EQ(part_of("eremite_libos_data"), ImagePart::LibraryOs);
    EXPECT_EQ(part_of(".data"), ImagePart::Program);
    EXPECT_EQ(image.bytes_at(0x400005, 3).size(), 3);
    EXPECT_EQ(image.bytes_at(0x400000 + 12, 100).size(), 1);
    EXPECT_TRUE(image.bytes_at(0x400000 + 13, 1).empty());
    EXPECT_TRUE(image.bytes_at(0, 1).empty());
}

TEST(ElfImage, DamagedFilesAreSafe) {
    const std::string good = plain().segment(PT_NOTE, 0, pvh_note(1)).section("eremite_libos_text", 0x400000, "text").build();
    std::mt19937 random{1};
    for (int i = 0; i < 20'000; ++i) {
        std::string file = good;
        for (unsigned flips = 1 + random() % 4; flips > 0; --flips) file[random() % file.size()] = static_cast<char>(random());
        (void)complaint(file);
    }
}

TEST(TrialImage, IsARunnableFile) {
    const ElfImage image = parse(trial_image(1));
    EXPECT_EQ(image.pvh_entry(), image.entry());
    EXPECT_EQ(image.physical_end() >> 20, 1);
}

}  // namespace
}  // namespace eremite::cli
