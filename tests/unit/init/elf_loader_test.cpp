#include "libos/init/elf_loader.hpp"

#include "tests/unit/init/executable.hpp"
#include "tests/unit/mm/space.hpp"

namespace eremite::test {
namespace {

using File = std::vector<uint8_t>;
using init::Program;

constexpr uint32_t code = PF_R | PF_X, data = PF_R | PF_W, constants = PF_R;

class ElfLoader : public SpaceTest {
protected:
    Result<Program> load(File file, uint64_t seed = 0, uint64_t broken_from = ~uint64_t{0}) {
        BytesSource source{space(), std::move(file)};
        source.broken_from = broken_from;
        reason = "not said";
        return init::load_executable(space(), source, seed, reason);
    }
    // A load in an address space of its own, since a failed one may leave parts behind.
    int try_load(File file, uint64_t broken_from = ~uint64_t{0}) {
        mm::AddressSpace fresh{arch::PageTable::create_root().value()};
        BytesSource source{fresh, std::move(file)};
        source.broken_from = broken_from;
        reason = "not said";
        return init::load_executable(fresh, source, 0, reason).code();
    }
    void expect_refused(const File& file, std::string_view why) {
        EXPECT_EQ(try_load(file), ENOEXEC);
        EXPECT_NE(reason.find(why), reason.npos) << "said: " << reason << "\nwanted: " << why;
    }
    // `change` to the segment `index` of a good file makes it a bad one.
    template <typename Change>
    void expect_segment_refused(size_t index, std::string_view why, Change&& change) {
        File file = static_program();
        ASSERT_EQ(try_load(file), 0);
        edit_segment(file, index, change);
        expect_refused(file, why);
    }
    template <typename Change>
    void expect_header_refused(std::string_view why, Change&& change) {
        File file = static_program();
        ASSERT_EQ(try_load(file), 0);
        edit_header(file, change);
        expect_refused(file, why);
    }

    static constexpr uint64_t text_at = 0x401000, constants_at = 0x404020, data_at = 0x407ff0, data_size = 0x2345;
    static std::vector<Segment> static_segments() {
        return {{text_at, code, pattern(0x2100, 1)}, {constants_at, constants, pattern(0x300, 2)}, {data_at, data, pattern(0x1800, 3), data_size}};
    }
    static File static_program() { return make_executable(ET_EXEC, text_at + 0x10, static_segments()); }
    static std::vector<Segment> pie_segments() { return {{0x1000, code, pattern(0x1100, 4)}, {0x3ff8, data, pattern(0x20, 5), 0x5000}}; }
    static File pie() { return make_executable(ET_DYN, 0x1008, pie_segments()); }

    void expect_contents(const Segment& segment, uint64_t bias) {
        const uint64_t size = segment.memory_size ? segment.memory_size : segment.contents.size();
        for (uint64_t i = 0; i < size; ++i) {
            const uint8_t* byte = reach(space(), VirtualAddress{segment.address + bias + i}, mm::Access::Read);
            ASSERT_NE(byte, nullptr) << std::hex << segment.address + i;
            ASSERT_EQ(*byte, i < segment.contents.size() ? segment.contents[i] : 0) << std::hex << segment.address + i;
        }
        // To the end of the last page there is nothing but zeros.
        for (uint64_t at = segment.address + bias + size; at % page_size != 0; ++at)
            ASSERT_EQ(*reach(space(), VirtualAddress{at}, mm::Access::Read), 0) << std::hex << at;
    }
    std::vector<mm::VmaInfo> all_areas() {
        std::vector<mm::VmaInfo> list;
        space().for_each([&](const mm::VmaInfo& area) { list.push_back(area); });
        return list;
    }

    std::string_view reason;
};

TEST_F(ElfLoader, Static) {
    const auto program = load(static_program(), 12345);
    ASSERT_TRUE(program.ok()) << reason;
    EXPECT_EQ(reason, "");
    EXPECT_EQ(program.value().entry, VirtualAddress{text_at + 0x10});
    EXPECT_EQ(program.value().bias, 0u);
    EXPECT_EQ(program.value().header_count, 3u);
    EXPECT_EQ(program.value().text, (VirtualRange{VirtualAddress{text_at}, VirtualAddress{text_at + 0x2100}}));
    for (const Segment& segment : static_segments()) expect_contents(segment, 0);
}

TEST_F(ElfLoader, Rights) {
    ASSERT_TRUE(load(static_program()).ok());
    const auto areas = all_areas();
    ASSERT_EQ(areas.size(), 3u);
    EXPECT_EQ(areas[0].range, (VirtualRange{VirtualAddress{0x401000}, VirtualAddress{0x404000}}));
    EXPECT_EQ(areas[0].protection, mm::protection::read_execute);
    EXPECT_EQ(areas[1].range, (VirtualRange{VirtualAddress{0x404000}, VirtualAddress{0x405000}}));
    EXPECT_EQ(areas[1].protection, mm::protection::read);
    EXPECT_EQ(areas[2].range, (VirtualRange{VirtualAddress{0x407000}, VirtualAddress{0x40b000}}));
    EXPECT_EQ(areas[2].protection, mm::protection::read_write);
    EXPECT_EQ(space().fault(VirtualAddress{text_at}, mm::Access::Execute).code(), 0);
    EXPECT_EQ(space().fault(VirtualAddress{text_at}, mm::Access::Write).code(), EACCES);
    EXPECT_EQ(space().fault(VirtualAddress{constants_at}, mm::Access::Write).code(), EACCES);
    EXPECT_EQ(space().fault(VirtualAddress{constants_at}, mm::Access::Execute).code(), EACCES);
    EXPECT_EQ(space().fault(VirtualAddress{data_at}, mm::Access::Write).code(), 0);
    EXPECT_EQ(space().fault(VirtualAddress{data_at}, mm::Access::Execute).code(), EACCES);
    EXPECT_EQ(space().fault(VirtualAddress{0x405000}, mm::Access::Read).code(), EFAULT);
}

TEST_F(ElfLoader, HeapStartsBehindTheImage) {
    ASSERT_TRUE(load(static_program()).ok());
    EXPECT_EQ(space().brk({}), VirtualAddress{0x40b000});
}

TEST_F(ElfLoader, HeapStartsBehindTheLastSegmentInWhateverOrder) {
    const auto program = load(make_executable(ET_EXEC, 0x600000, {{0x600000, code, pattern(16, 0)}, {0x400000, data, pattern(16, 0)}}));
    ASSERT_TRUE(program.ok()) << reason;
    EXPECT_EQ(space().brk({}), VirtualAddress{0x601000});
}

TEST_F(ElfLoader, HeadersInASegment) {
    File file = static_program();
    // As linkers do: the first segment begins with the file's own header.
    edit_segment(file, 1, [&](Elf64_Phdr& s) { s = {PT_LOAD, constants, 0, 0x400000, 0x400000, 0x200, 0x200, page_size}; });
    const auto program = load(file);
    ASSERT_TRUE(program.ok()) << reason;
    EXPECT_EQ(program.value().headers, VirtualAddress{0x400000 + sizeof(Elf64_Ehdr)});
    EXPECT_EQ(*reach(space(), program.value().headers, mm::Access::Read), PT_LOAD);
}

TEST_F(ElfLoader, HeadersHalfInASegment) {
    File file = static_program();
    edit_segment(file, 1, [&](Elf64_Phdr& s) {
        s = {PT_LOAD, constants, 0, 0x400000, 0x400000, sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr) - 1, page_size, page_size};
    });
    const auto program = load(file);
    ASSERT_TRUE(program.ok()) << reason;
    EXPECT_EQ(program.value().headers, VirtualAddress{});
}

TEST_F(ElfLoader, PositionIndependent) {
    const auto program = load(pie(), 7);
    ASSERT_TRUE(program.ok()) << reason;
    const Program& p = program.value();
    EXPECT_GE(p.bias, uint64_t{0x2000} << 32);
    EXPECT_EQ(p.bias % large_page_size, 0u);
    EXPECT_EQ(p.entry, VirtualAddress{0x1008 + p.bias});
    EXPECT_EQ(p.text, (VirtualRange{VirtualAddress{0x1000 + p.bias}, VirtualAddress{0x2100 + p.bias}}));
    for (const Segment& segment : pie_segments()) expect_contents(segment, p.bias);
    EXPECT_EQ(space().brk({}), VirtualAddress{0x9000 + p.bias});
    EXPECT_EQ(all_areas().front().range.start, VirtualAddress{0x1000 + p.bias});
}

TEST_F(ElfLoader, SeedDecidesThePlace) {
    const uint64_t first = load(pie(), 1).value().bias, second = load(pie(), 2).value().bias;
    EXPECT_NE(first, second);
    // The same seed finds its place taken.
    EXPECT_EQ(load(pie(), 1).code(), ENOEXEC);
    EXPECT_NE(reason.find("collide"), reason.npos);
    for (const uint64_t seed : {uint64_t{0}, ~uint64_t{0}, uint64_t{1} << 63, uint64_t{(1 << 20) - 1}}) {
        mm::AddressSpace fresh{arch::PageTable::create_root().value()};
        BytesSource source{fresh, pie()};
        const auto program = init::load_executable(fresh, source, seed, reason);
        ASSERT_TRUE(program.ok()) << reason;
        EXPECT_GE(program.value().bias, uint64_t{0x2000} << 32);
        EXPECT_LT(program.value().bias, (uint64_t{0x2000} << 32) + (uint64_t{1} << 41));
    }
}

TEST_F(ElfLoader, AlignmentOfAPositionIndependentProgramIsKept) {
    for (const uint64_t alignment : {uint64_t{0}, uint64_t{1}, page_size, 4 * large_page_size, huge_page_size}) {
        File file = pie();
        edit_segment(file, 0, [&](Elf64_Phdr& s) { s.p_align = alignment; });
        const auto program = load(file, alignment + 99);
        ASSERT_TRUE(program.ok()) << reason;
        EXPECT_EQ(program.value().bias % std::max(alignment, large_page_size), 0u);
    }
}

// A position-independent program may be linked for any address, and still goes to where there is room.
TEST_F(ElfLoader, PositionIndependentLinkedHigh) {
    const uint64_t base = 0x3000'0000'0000;
    const auto program = load(make_executable(ET_DYN, base, {{base, code, pattern(64, 1)}}), 3);
    ASSERT_TRUE(program.ok()) << reason;
    EXPECT_GE(program.value().entry.value, uint64_t{0x2000} << 32);
    EXPECT_LT(program.value().entry.value, (uint64_t{0x2000} << 32) + (uint64_t{1} << 41));
    EXPECT_EQ(program.value().entry.value, base + program.value().bias);
}

TEST_F(ElfLoader, PositionIndependentButTooWide) {
    expect_refused(make_executable(ET_DYN, 0, {{0, code, pattern(64, 1)}, {0x3fff'ffff'0000, data, pattern(64, 1)}}), "too far apart");
}

TEST_F(ElfLoader, OtherSegmentsDoNotMatter) {
    File file = make_executable(ET_EXEC, 0x400000,
                                {{0x400000, code, pattern(64, 1)}, {0, PF_R | PF_W | PF_X, {}, 0, PT_GNU_STACK, 16}, {0, PF_R, {}, 0, PT_NOTE}, {0, PF_R, {}, 0, PT_TLS}});
    // What it says of places in the file is not looked at.
    edit_segment(file, 2, [](Elf64_Phdr& s) { s.p_offset = s.p_filesz = s.p_memsz = s.p_vaddr = s.p_align = ~uint64_t{0}; });
    ASSERT_TRUE(load(file).ok()) << reason;
    EXPECT_EQ(areas(), 1u);
}

TEST_F(ElfLoader, EmptySegmentsAreSkipped) {
    const auto program = load(make_executable(ET_EXEC, 0x400000, {{0x400000, code, pattern(64, 1)}, {0x3000'0000'0000, data, {}}}));
    ASSERT_TRUE(program.ok()) << reason;
    EXPECT_EQ(areas(), 1u);
    EXPECT_EQ(space().brk({}), VirtualAddress{0x401000});
}

// Of several executable segments the text is the one that the program starts in.
TEST_F(ElfLoader, TextHoldsTheEntryPoint) {
    for (const uint64_t entry : {uint64_t{0x400020}, uint64_t{0x402020}}) {
        std::vector<Segment> segments{{0x400000, code, pattern(64, 1)}, {0x402000, code, pattern(64, 1)}, {0x404000, code, {}, 0x1000}};
        mm::AddressSpace fresh{arch::PageTable::create_root().value()};
        BytesSource source{fresh, make_executable(ET_EXEC, entry, segments)};
        const auto program = init::load_executable(fresh, source, 0, reason);
        ASSERT_TRUE(program.ok()) << reason;
        EXPECT_EQ(program.value().text, (VirtualRange{VirtualAddress{entry - 0x20}, VirtualAddress{entry + 0x20}}));
    }
}

TEST_F(ElfLoader, SegmentWithoutContents) {
    const auto program = load(make_executable(ET_EXEC, 0x400000, {{0x400000, code, pattern(64, 1)}, {0x402008, data, {}, 0x3000}}));
    ASSERT_TRUE(program.ok()) << reason;
    expect_contents({0x402008, data, {}, 0x3000}, 0);
}

TEST_F(ElfLoader, AsManySegmentsAsThereMayBe) {
    std::vector<Segment> segments;
    for (uint64_t i = 0; i < 64; ++i) segments.push_back({0x400000 + i * 2 * page_size, i == 0 ? code : data, pattern(8, 0)});
    ASSERT_EQ(try_load(make_executable(ET_EXEC, 0x400000, segments)), 0) << reason;
    segments.push_back({0x900000, data, pattern(8, 0)});
    expect_refused(make_executable(ET_EXEC, 0x400000, segments), "program headers are malformed");
}

TEST_F(ElfLoader, EveryTruncation) {
    const File file = static_program();
    for (size_t length = 0; length < file.size(); length += length < 512 ? 1 : 61) {
        ASSERT_EQ(try_load({file.begin(), file.begin() + static_cast<ptrdiff_t>(length)}), ENOEXEC) << length;
        EXPECT_TRUE(reason.starts_with(length < sizeof(Elf64_Ehdr) ? "it is too short" : "it is truncated")) << length << reason;
    }
    expect_refused({file.begin(), file.end() - 1}, "truncated");
    EXPECT_EQ(try_load(file), 0);
}

TEST_F(ElfLoader, WrongFile) {
    expect_refused(File(5000, 0), "not an ELF file");
    const char script[] = "#!/bin/sh\necho a script of more than sixty-four characters, which no kernel without a shell can run\n";
    expect_refused({std::begin(script), std::end(script)}, "not an ELF file");
    for (int i = 0; i < SELFMAG; ++i) expect_header_refused("not an ELF file", [i](Elf64_Ehdr& h) { h.e_ident[i] ^= 0x20; });
    expect_header_refused("not for x86-64", [](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS32; });
    expect_header_refused("not for x86-64", [](Elf64_Ehdr& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; });
    for (const uint16_t machine : {EM_NONE, EM_386, EM_AARCH64, EM_RISCV}) expect_header_refused("not for x86-64", [=](Elf64_Ehdr& h) { h.e_machine = machine; });
    for (const uint16_t type : {ET_NONE, ET_REL, ET_CORE, 0xfe00}) expect_header_refused("not an executable", [=](Elf64_Ehdr& h) { h.e_type = type; });
}

TEST_F(ElfLoader, HeaderTable) {
    for (const uint16_t size : {0, 1, 32, 55, 57, 65535}) expect_header_refused("program headers are malformed", [=](Elf64_Ehdr& h) { h.e_phentsize = size; });
    for (const uint16_t count : {0, 65, 65535}) expect_header_refused("program headers are malformed", [=](Elf64_Ehdr& h) { h.e_phnum = count; });
    const uint64_t size = static_program().size(), table = 3 * sizeof(Elf64_Phdr);
    for (const uint64_t offset : {size, size - table + 1, uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{0} - table + 1})
        expect_header_refused("program headers lie beyond its end", [=](Elf64_Ehdr& h) { h.e_phoff = offset; });
}

TEST_F(ElfLoader, EntryPoint) {
    constexpr std::string_view why = "entry point lies outside";
    for (const uint64_t entry : {uint64_t{0}, text_at - 1, text_at + 0x2100, constants_at, data_at, ~uint64_t{0}})
        expect_header_refused(why, [=](Elf64_Ehdr& h) { h.e_entry = entry; });
    File file = static_program();
    edit_header(file, [](Elf64_Ehdr& h) { h.e_entry = text_at + 0x20ff; });
    EXPECT_EQ(try_load(file), 0);
    // Memory behind the contents holds no code.
    edit_segment(file, 0, [](Elf64_Phdr& s) { s.p_filesz = 0x1000; });
    expect_refused(file, why);
}

TEST_F(ElfLoader, NothingToLoad) {
    expect_refused(make_executable(ET_EXEC, 0x400000, {{0x400000, code, pattern(64, 1), 0, PT_NOTE}}), "nothing to load");
    expect_refused(make_executable(ET_EXEC, 0x400000, {{0x400000, code, {}}}), "nothing to load");
    expect_refused(make_executable(ET_EXEC, 0x400010, {{0x400010, code, {}}}), "nothing to load");
}

TEST_F(ElfLoader, Interpreter) {
    File file = static_program();
    edit_segment(file, 1, [](Elf64_Phdr& s) { s.p_type = PT_INTERP; });
    expect_refused(file, "link it with -static");
}

TEST_F(ElfLoader, SegmentsBeyondTheFile) {
    constexpr std::string_view why = "a segment lies beyond its end";
    expect_segment_refused(2, why, [](Elf64_Phdr& s) { s.p_filesz += 1; });
    expect_segment_refused(1, why, [](Elf64_Phdr& s) { s.p_offset += 0x10'0000; });
    expect_segment_refused(1, why, [](Elf64_Phdr& s) { s.p_offset = ~uint64_t{0} - 0xfff + s.p_offset % page_size; });
    expect_segment_refused(1, why, [](Elf64_Phdr& s) { s.p_filesz = s.p_memsz = ~uint64_t{0}; });
    expect_segment_refused(1, why, [](Elf64_Phdr& s) { s.p_filesz = s.p_memsz = ~uint64_t{0} - s.p_offset + 1; });
}

TEST_F(ElfLoader, SizesAndPlaces) {
    expect_segment_refused(0, "larger in the file than in memory", [](Elf64_Phdr& s) { s.p_memsz = s.p_filesz - 1; });
    expect_segment_refused(0, "larger in the file than in memory", [](Elf64_Phdr& s) { s.p_memsz = 0; });
    constexpr std::string_view outside = "outside the address space";
    expect_segment_refused(2, outside, [](Elf64_Phdr& s) { s.p_memsz = ~uint64_t{0}; });
    expect_segment_refused(2, outside, [](Elf64_Phdr& s) { s.p_memsz = user_address_end - s.p_vaddr + 1; });
    expect_segment_refused(2, outside, [](Elf64_Phdr& s) { s.p_vaddr = user_address_end + 0xff0; });
    expect_segment_refused(2, outside, [](Elf64_Phdr& s) { s.p_vaddr = ~uint64_t{0xf}; });
    expect_segment_refused(2, outside, [](Elf64_Phdr& s) { s.p_vaddr = 0xffff'8000'0000'0ff0; });
    expect_segment_refused(2, "first 64 KiB", [](Elf64_Phdr& s) { s.p_vaddr = 0x1ff0; });
    expect_segment_refused(2, "first 64 KiB", [](Elf64_Phdr& s) { s.p_vaddr = 0xfff0; });
    expect_segment_refused(1, "not aligned to pages", [](Elf64_Phdr& s) { s.p_vaddr += 1; });
    expect_segment_refused(1, "not aligned to pages", [](Elf64_Phdr& s) { s.p_offset -= 1; });
    for (const uint64_t alignment : {uint64_t{3}, uint64_t{0x1001}, 2 * huge_page_size, uint64_t{1} << 63, ~uint64_t{0}})
        expect_segment_refused(0, "alignment of a segment makes no sense", [=](Elf64_Phdr& s) { s.p_align = alignment; });
    for (const uint32_t flags : {PF_W | PF_X, PF_R | PF_W | PF_X})
        for (size_t i = 0; i < 3; ++i) expect_segment_refused(i, "writable and executable", [=](Elf64_Phdr& s) { s.p_flags = flags; });
}

TEST_F(ElfLoader, UpToTheLastPage) {
    const uint64_t last = user_address_end - page_size;
    const auto program = load(make_executable(ET_EXEC, last, {{last, code, pattern(page_size, 1)}}));
    ASSERT_TRUE(program.ok()) << reason;
    EXPECT_EQ(all_areas().back().range.end, VirtualAddress{user_address_end});
}

TEST_F(ElfLoader, Collisions) {
    constexpr std::string_view why = "collide";
    expect_segment_refused(1, why, [](Elf64_Phdr& s) { s.p_vaddr = text_at + 0x20; });
    // In one page, without a byte in common.
    expect_segment_refused(1, why, [](Elf64_Phdr& s) { s.p_vaddr = 0x403f20, s.p_offset -= 0x100, s.p_filesz = s.p_memsz = 0x20; });
    expect_segment_refused(0, why, [](Elf64_Phdr& s) { s.p_memsz = 0x4001; });
    // With the kernel.
    constexpr VirtualRange kernel{VirtualAddress{0x10'0000}, VirtualAddress{0x20'0000}};
    ASSERT_TRUE(space().add_kernel(kernel, PhysicalAddress{0x10'0000}, mm::protection::read_execute, false).ok());
    EXPECT_EQ(load(make_executable(ET_EXEC, 0x1f'f000, {{0x1f'f000, code, pattern(64, 1)}})).code(), ENOEXEC);
    EXPECT_NE(reason.find(why), reason.npos);
    EXPECT_EQ(load(make_executable(ET_EXEC, 0xf'0000, {{0xf'0000, code, pattern(64, 1), 0x10001}})).code(), ENOEXEC);
    EXPECT_NE(reason.find(why), reason.npos);
    EXPECT_EQ(load(make_executable(ET_EXEC, 0xf'0000, {{0xf'0000, code, pattern(64, 1), 0x10000}})).code(), 0) << reason;
    EXPECT_EQ(load(make_executable(ET_EXEC, 0x20'0000, {{0x20'0000, code, pattern(64, 1)}})).code(), 0) << reason;
}

TEST_F(ElfLoader, UnreadableSource) {
    const File file = static_program();
    EXPECT_EQ(try_load(file, 10), EIO);
    EXPECT_EQ(reason, "it cannot be read");
    EXPECT_EQ(try_load(file, sizeof(Elf64_Ehdr)), EIO);
    EXPECT_EQ(reason, "it cannot be read");
    EXPECT_EQ(try_load(file, 0x2000), EIO);
    EXPECT_EQ(reason, "a segment cannot be read");
    EXPECT_EQ(try_load(file, file.size() - 1), EIO);
    EXPECT_EQ(reason, "a segment cannot be read");
    EXPECT_EQ(try_load(file, file.size()), 0);
}

TEST_F(ElfLoader, MoreMemoryThanThereIs) {
    for (const uint64_t size : {2 * machine_bytes, uint64_t{1} << 40, user_address_end - 0x40'7ff0}) {
        File file = static_program();
        edit_segment(file, 2, [=](Elf64_Phdr& s) { s.p_memsz = size; });
        EXPECT_EQ(try_load(file), ENOMEM);
        EXPECT_EQ(reason, "there is too little memory for it");
    }
}

TEST_F(ElfLoader, LittleMemory) {
    const File file = static_program();
    // Up to 256 pages stay reserved for faults.
    for (uint64_t pages = 20;; pages += 7) {
        ASSERT_LT(pages, 600u);
        int result;
        {
            const Hunger hunger{pages};
            result = try_load(file);
        }
        if (result == 0) return;
        ASSERT_EQ(result, ENOMEM) << pages;
        EXPECT_EQ(reason, "there is too little memory for it");
    }
}

TEST_F(ElfLoader, KernelHeapExhausted) {
    const File file = static_program();
    for (int64_t successes = 0;; ++successes) {
        ASSERT_LT(successes, 100);
        int result;
        {
            const FailingHeap failing{successes};
            result = try_load(file);
        }
        if (result == 0) {
            EXPECT_GE(successes, 3);  // an object for each area
            return;
        }
        ASSERT_EQ(result, ENOMEM) << successes;
        EXPECT_EQ(reason, "there is too little memory for it");
    }
}

// Any one byte of the headers wrong: it loads, or it is refused for a reason. The source aborts on a read outside of it.
TEST_F(ElfLoader, EveryHeaderByte) {
    for (const File& good : {static_program(), pie()}) {
        const size_t headers = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
        for (size_t at = 0; at < headers; ++at) {
            for (const uint8_t value : {0x00, 0x01, 0x08, 0x3f, 0x40, 0x7f, 0x80, 0xff}) {
                File file = good;
                file[at] = value;
                const int result = try_load(file);
                EXPECT_TRUE(result == 0 || result == ENOEXEC || result == ENOMEM) << result << " byte " << at << " value " << +value;
                EXPECT_EQ(result == 0, reason.empty());
                EXPECT_NE(reason, "not said");
            }
        }
    }
}

}  // namespace
}  // namespace eremite::test
