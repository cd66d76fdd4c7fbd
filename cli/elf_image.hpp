#pragma once
// A 64-bit x86-64 ELF file, read with every offset checked (System V ABI, chapters 4 and 5; AMD64 supplement). What `parse`
// accepts has all its tables and segments inside the file; the object refers to the bytes it was given.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace eremite::cli {

struct ElfSegment {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t virtual_address;
    uint64_t physical_address;
    uint64_t file_size;
    uint64_t memory_size;
};

struct ElfSection {
    std::string_view name;
    uint32_t type;
    uint64_t flags;
    uint64_t address;
    uint64_t offset;
    uint64_t size;
};

enum class ElfFlavour {
    LinkedImage,       // program, library OS and supervisor in one: has the PVH note and section eremite_libos_text
    StaticExecutable,  // at fixed addresses
    StaticPie,         // relocates itself
    Dynamic,           // needs a dynamic linker or shared libraries
};

// "linked image", "static executable", ...
std::string_view name_of(ElfFlavour flavour);

// The part of an image a section belongs to, by its name.
enum class ImagePart { Program, LibraryOs, Supervisor };
ImagePart part_of(std::string_view section_name);

class ElfImage {
public:
    // `name` is for messages. Throws Failure (126) for an empty, foreign, truncated or unlinked file.
    static ElfImage parse(std::span<const std::byte> file, std::string_view name);

    [[nodiscard]] ElfFlavour flavour() const { return flavour_; }
    [[nodiscard]] uint64_t entry() const { return entry_; }
    // The 32-bit entry that the PVH note (XEN_ELFNOTE_PHYS32_ENTRY) names.
    [[nodiscard]] std::optional<uint32_t> pvh_entry() const { return pvh_entry_; }
    [[nodiscard]] std::span<const ElfSegment> segments() const { return segments_; }
    [[nodiscard]] std::span<const ElfSection> sections() const { return sections_; }
    [[nodiscard]] const ElfSection* find_section(std::string_view name) const;
    // The section that holds a virtual address; null when none does.
    [[nodiscard]] const ElfSection* section_at(uint64_t address) const;

    // The end of the highest segment in physical memory, bytes.
    [[nodiscard]] uint64_t physical_end() const;
    // Bytes of all loadable segments in memory.
    [[nodiscard]] uint64_t load_size() const;

    // A section's bytes in the file; empty for one without (SHT_NOBITS).
    [[nodiscard]] std::span<const std::byte> bytes_of(const ElfSection& section) const;
    [[nodiscard]] std::span<const std::byte> bytes_of(const ElfSegment& segment) const;
    // Bytes of the file at a virtual address, as many as `size` or as the segment has; zeroes beyond the file's part are not included.
    [[nodiscard]] std::span<const std::byte> bytes_at(uint64_t virtual_address, uint64_t size) const;

private:
    ElfImage() = default;

    std::span<const std::byte> file_;
    std::vector<ElfSegment> segments_;
    std::vector<ElfSection> sections_;
    uint64_t entry_ = 0;
    std::optional<uint32_t> pvh_entry_;
    ElfFlavour flavour_ = ElfFlavour::StaticExecutable;
};

}  // namespace eremite::cli
