#include "elf_builder.hpp"

#include <algorithm>
#include <cstring>

namespace eremite::cli {

namespace {

template <typename T>
void append(std::string& out, const T& value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    out += bytes;
}

}  // namespace

ElfBuilder& ElfBuilder::segment(uint32_t type, uint64_t address, std::string bytes, uint64_t memory_size) {
    const uint64_t size = std::max<uint64_t>(memory_size, bytes.size());
    segments_.push_back({type, address, std::move(bytes), size});
    return *this;
}

ElfBuilder& ElfBuilder::section(std::string name, uint64_t address, std::string bytes, uint64_t flags) {
    sections_.push_back({std::move(name), address, std::move(bytes), flags});
    return *this;
}

std::string ElfBuilder::build() const {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = type_;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_entry = 0x401000;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<uint16_t>(segments_.size());
    header.e_shentsize = sizeof(Elf64_Shdr);
    uint64_t offset = sizeof header + segments_.size() * sizeof(Elf64_Phdr);
    std::string program_headers, contents, section_headers;
    for (const Segment& segment : segments_) {
        append(program_headers, Elf64_Phdr{segment.type, PF_R | PF_X, offset, segment.address, segment.address, segment.bytes.size(),
                                           segment.memory_size, 4});
        contents += segment.bytes;
        offset += segment.bytes.size();
    }
    if (!sections_.empty()) {
        std::string names(1, '\0');
        append(section_headers, Elf64_Shdr{});
        for (const Section& section : sections_) {
            Elf64_Shdr raw{};
            raw.sh_name = static_cast<uint32_t>(names.size());
            raw.sh_type = SHT_PROGBITS;
            raw.sh_flags = section.flags;
            raw.sh_addr = section.address;
            raw.sh_offset = offset;
            raw.sh_size = section.bytes.size();
            append(section_headers, raw);
            names += section.name + '\0';
            contents += section.bytes;
            offset += section.bytes.size();
        }
        Elf64_Shdr raw{};
        raw.sh_type = SHT_STRTAB;
        raw.sh_offset = offset;
        raw.sh_size = names.size();
        append(section_headers, raw);
        contents += names;
        offset += names.size();
        header.e_shoff = offset;
        header.e_shnum = static_cast<uint16_t>(sections_.size() + 2);
        header.e_shstrndx = static_cast<uint16_t>(sections_.size() + 1);
    }
    std::string file;
    append(file, header);
    return file + program_headers + contents + section_headers;
}

std::string pvh_note(uint32_t entry) {
    std::string note;
    append(note, Elf64_Nhdr{4, 4, 18});
    note += std::string("Xen\0", 4);
    append(note, entry);
    return note;
}

}  // namespace eremite::cli
