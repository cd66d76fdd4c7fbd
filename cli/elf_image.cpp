#include "cli/elf_image.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

// Xen's public/elfnote.h: the 32-bit entry of a PVH guest.
constexpr uint32_t xen_elfnote_phys32_entry = 18;

// Reads of a file with every range checked; the name is for messages.
class CheckedFile {
public:
    CheckedFile(std::span<const std::byte> bytes, std::string_view name) : bytes_{bytes}, name_{name} {}

    [[noreturn]] void fail(std::string_view what) const { throw Failure{exit_status::not_runnable, fmt::format("{}: {}", name_, what)}; }
    [[nodiscard]] bool holds(uint64_t offset, uint64_t size) const { return offset <= bytes_.size() && size <= bytes_.size() - offset; }

    std::span<const std::byte> range(uint64_t offset, uint64_t size, std::string_view what) const {
        if (!holds(offset, size)) {
            fail(fmt::format("truncated: {} should be at byte {}, {} long, but the file has {} bytes", what, offset, size, bytes_.size()));
        }
        return bytes_.subspan(offset, size);
    }
    // A copy, since nothing aligns a table in a file.
    template <typename T>
    T read(uint64_t offset, std::string_view what) const {
        T value;
        std::memcpy(&value, range(offset, sizeof value, what).data(), sizeof value);
        return value;
    }

private:
    std::span<const std::byte> bytes_;
    std::string_view name_;
};

Elf64_Ehdr read_header(const CheckedFile& file, std::span<const std::byte> bytes) {
    if (bytes.empty()) file.fail("the file is empty");
    if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) file.fail("not an executable (no ELF file)");
    if (bytes.size() > EI_CLASS && bytes[EI_CLASS] != std::byte{ELFCLASS64}) file.fail("a 32-bit executable; Eremite runs 64-bit x86 ones");
    const auto header = file.read<Elf64_Ehdr>(0, "the ELF header");
    if (header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64) {
        file.fail(fmt::format("built for another architecture (ELF machine {}); Eremite runs x86-64 executables", header.e_machine));
    }
    if (header.e_ident[EI_VERSION] != EV_CURRENT) file.fail("unknown version of the ELF format");
    if (header.e_type == ET_REL) file.fail("an object file: link it first (eremite build)");
    if (header.e_type == ET_CORE) file.fail("a core dump, not an executable");
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN) file.fail("not an executable");
    if (header.e_phnum == 0) file.fail("no program headers: not an executable");
    if (header.e_phnum == PN_XNUM) file.fail("more than 65,534 program headers");
    if (header.e_phentsize != sizeof(Elf64_Phdr)) file.fail("malformed ELF header (size of a program header)");
    return header;
}

std::vector<ElfSegment> read_segments(const CheckedFile& file, const Elf64_Ehdr& header) {
    std::vector<ElfSegment> segments;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        if (header.e_phoff > UINT64_MAX - uint64_t{i} * sizeof(Elf64_Phdr))
            file.fail("malformed ELF header (place of the program headers)");
        const auto raw = file.read<Elf64_Phdr>(header.e_phoff + uint64_t{i} * sizeof(Elf64_Phdr), "a program header");
        if (raw.p_type == PT_NULL) continue;
        if (raw.p_filesz != 0) (void)file.range(raw.p_offset, raw.p_filesz, "a segment");
        if (raw.p_type == PT_LOAD) {
            if (raw.p_filesz > raw.p_memsz) file.fail("malformed: a segment larger in the file than in memory");
            if (raw.p_vaddr > UINT64_MAX - raw.p_memsz || raw.p_paddr > UINT64_MAX - raw.p_memsz) {
                file.fail("malformed: a segment beyond the address space");
            }
        }
        segments.push_back({raw.p_type, raw.p_flags, raw.p_offset, raw.p_vaddr, raw.p_paddr, raw.p_filesz, raw.p_memsz});
    }
    if (std::ranges::none_of(segments, [](const ElfSegment& s) { return s.type == PT_LOAD; }))
        file.fail("nothing to load: not an executable");
    return segments;
}

std::string_view string_at(std::span<const std::byte> table, uint64_t offset) {
    if (offset >= table.size()) return {};
    // SAFETY: bytes as characters; the view is bounded by the table below.
    const char* const start = reinterpret_cast<const char*>(table.data()) + offset;
    return {start, strnlen(start, table.size() - offset)};
}

std::vector<ElfSection> read_sections(const CheckedFile& file, const Elf64_Ehdr& header) {
    if (header.e_shoff == 0) return {};
    if (header.e_shentsize != sizeof(Elf64_Shdr)) file.fail("malformed ELF header (size of a section header)");
    const auto first = file.read<Elf64_Shdr>(header.e_shoff, "the section headers");
    // Numbers too large for the header stand in the first entry.
    const uint64_t count = header.e_shnum != 0 ? header.e_shnum : first.sh_size;
    const uint64_t names_index = header.e_shstrndx != SHN_XINDEX ? header.e_shstrndx : first.sh_link;
    if (count > (1U << 20)) file.fail("malformed: more than a million sections");
    (void)file.range(header.e_shoff, count * sizeof(Elf64_Shdr), "the section headers");
    const auto entry = [&](uint64_t index) {
        return file.read<Elf64_Shdr>(header.e_shoff + index * sizeof(Elf64_Shdr), "a section header");
    };
    std::span<const std::byte> names;
    if (names_index != SHN_UNDEF && names_index < count) {
        const Elf64_Shdr raw = entry(names_index);
        if (raw.sh_type != SHT_NOBITS) names = file.range(raw.sh_offset, raw.sh_size, "the names of the sections");
    }
    std::vector<ElfSection> sections;
    for (uint64_t i = 0; i < count; ++i) {
        const Elf64_Shdr raw = entry(i);
        if (raw.sh_type == SHT_NULL) continue;
        if (raw.sh_type != SHT_NOBITS) (void)file.range(raw.sh_offset, raw.sh_size, "a section");
        sections.push_back({string_at(names, raw.sh_name), raw.sh_type, raw.sh_flags, raw.sh_addr, raw.sh_offset, raw.sh_size});
    }
    return sections;
}

std::optional<uint32_t> find_pvh_entry(std::span<const std::byte> notes, uint64_t alignment) {
    const auto align = [alignment](uint64_t value) { return (value + alignment - 1) & ~(alignment - 1); };
    while (notes.size() >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        std::memcpy(&note, notes.data(), sizeof note);
        // All three are 32 bits wide, so that no sum of them overflows 64.
        const uint64_t description = align(sizeof note + uint64_t{note.n_namesz});
        const uint64_t end = description + note.n_descsz;
        if (end > notes.size()) return std::nullopt;
        constexpr std::string_view xen{"Xen", 4};
        const bool is_xen = note.n_namesz == xen.size() && std::memcmp(notes.data() + sizeof note, xen.data(), xen.size()) == 0;
        if (is_xen && note.n_type == xen_elfnote_phys32_entry && note.n_descsz >= sizeof(uint32_t)) {
            uint32_t entry;
            std::memcpy(&entry, notes.data() + description, sizeof entry);
            return entry;
        }
        notes = notes.subspan(std::min<uint64_t>(align(end), notes.size()));
    }
    return std::nullopt;
}

bool needs_shared_libraries(std::span<const std::byte> dynamic) {
    for (; dynamic.size() >= sizeof(Elf64_Dyn); dynamic = dynamic.subspan(sizeof(Elf64_Dyn))) {
        Elf64_Dyn entry;
        std::memcpy(&entry, dynamic.data(), sizeof entry);
        if (entry.d_tag == DT_NULL) return false;
        if (entry.d_tag == DT_NEEDED) return true;
    }
    return false;
}

}  // namespace

std::string_view name_of(ElfFlavour flavour) {
    switch (flavour) {
        case ElfFlavour::LinkedImage:
            return "linked image";
        case ElfFlavour::StaticExecutable:
            return "static executable";
        case ElfFlavour::StaticPie:
            return "static-PIE executable";
        case ElfFlavour::Dynamic:
            return "dynamic executable";
    }
    return "unknown";
}

ImagePart part_of(std::string_view section_name) {
    if (section_name.starts_with("eremite_supervisor")) return ImagePart::Supervisor;
    if (section_name.starts_with("eremite_")) return ImagePart::LibraryOs;
    return ImagePart::Program;
}

ElfImage ElfImage::parse(std::span<const std::byte> file, std::string_view name) {
    const CheckedFile checked{file, name};
    const Elf64_Ehdr header = read_header(checked, file);
    ElfImage image;
    image.file_ = file;
    image.entry_ = header.e_entry;
    image.segments_ = read_segments(checked, header);
    image.sections_ = read_sections(checked, header);
    bool has_interpreter = false;
    bool has_needed = false;
    for (const ElfSegment& segment : image.segments_) {
        if (segment.type == PT_INTERP) has_interpreter = true;
        if (segment.type == PT_DYNAMIC && needs_shared_libraries(image.bytes_of(segment))) has_needed = true;
        if (segment.type == PT_NOTE && !image.pvh_entry_) {
            // GNU property notes are aligned to 8 bytes and have a segment of their own; the PVH note is aligned to 4.
            image.pvh_entry_ = find_pvh_entry(image.bytes_of(segment), 4);
        }
    }
    if (image.pvh_entry_ && image.find_section("eremite_libos_text") != nullptr) {
        image.flavour_ = ElfFlavour::LinkedImage;
    } else if (has_interpreter || has_needed) {
        image.flavour_ = ElfFlavour::Dynamic;
    } else {
        image.flavour_ = header.e_type == ET_DYN ? ElfFlavour::StaticPie : ElfFlavour::StaticExecutable;
    }
    return image;
}

const ElfSection* ElfImage::find_section(std::string_view name) const {
    const auto found = std::ranges::find(sections_, name, &ElfSection::name);
    return found == sections_.end() ? nullptr : &*found;
}

const ElfSection* ElfImage::section_at(uint64_t address) const {
    const auto found = std::ranges::find_if(sections_, [address](const ElfSection& section) {
        return (section.flags & SHF_ALLOC) != 0 && (section.flags & SHF_TLS) == 0 && address >= section.address &&
               address - section.address < section.size;
    });
    return found == sections_.end() ? nullptr : &*found;
}

uint64_t ElfImage::physical_end() const {
    uint64_t end = 0;
    for (const ElfSegment& segment : segments_) {
        if (segment.type == PT_LOAD) end = std::max(end, segment.physical_address + segment.memory_size);
    }
    return end;
}

uint64_t ElfImage::load_size() const {
    uint64_t size = 0;
    for (const ElfSegment& segment : segments_) {
        if (segment.type == PT_LOAD) size = segment.memory_size > UINT64_MAX - size ? UINT64_MAX : size + segment.memory_size;
    }
    return size;
}

std::span<const std::byte> ElfImage::bytes_of(const ElfSection& section) const {
    if (section.type == SHT_NOBITS) return {};
    return file_.subspan(section.offset, section.size);
}

std::span<const std::byte> ElfImage::bytes_of(const ElfSegment& segment) const {
    if (segment.file_size == 0) return {};
    return file_.subspan(segment.offset, segment.file_size);
}

std::span<const std::byte> ElfImage::bytes_at(uint64_t virtual_address, uint64_t size) const {
    for (const ElfSegment& segment : segments_) {
        if (segment.type != PT_LOAD || virtual_address < segment.virtual_address) continue;
        const uint64_t offset = virtual_address - segment.virtual_address;
        if (offset >= segment.file_size) continue;
        return file_.subspan(segment.offset + offset, std::min(size, segment.file_size - offset));
    }
    return {};
}

}  // namespace eremite::cli
