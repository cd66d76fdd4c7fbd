#pragma once
// Makes small ELF files for tests, right ones that a test then damages.
#include <elf.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace eremite::cli {

class ElfBuilder {
public:
    explicit ElfBuilder(uint16_t type = ET_EXEC) : type_{type} {}
    // A segment of this type with its own bytes.
    ElfBuilder& segment(uint32_t type, uint64_t address, std::string bytes, uint64_t memory_size = 0);
    ElfBuilder& section(std::string name, uint64_t address, std::string bytes, uint64_t flags = SHF_ALLOC);
    // The file: header, program headers, contents, section headers.
    [[nodiscard]] std::string build() const;

private:
    struct Segment {
        uint32_t type;
        uint64_t address;
        std::string bytes;
        uint64_t memory_size;
    };
    struct Section {
        std::string name;
        uint64_t address;
        std::string bytes;
        uint64_t flags;
    };
    uint16_t type_;
    std::vector<Segment> segments_;
    std::vector<Section> sections_;
};

// A Xen note that names a PVH entry.
std::string pvh_note(uint32_t entry);

inline std::span<const std::byte> as_bytes(const std::string& text) {
    return std::as_bytes(std::span{text});
}

}  // namespace eremite::cli
