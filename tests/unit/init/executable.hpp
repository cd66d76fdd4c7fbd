#pragma once
// Executables for the loader's tests, and a source that serves them.
#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "libos/init/elf_loader.hpp"
#include "tests/unit/mm/machine.hpp"

namespace eremite::test {

struct Segment {
    uint64_t address;
    uint32_t flags;
    std::vector<uint8_t> contents;
    uint64_t memory_size = 0;  // 0: as long as the contents
    uint32_t type = PT_LOAD;
    uint64_t alignment = page_size;
};

// `size` bytes that tell where they came from.
inline std::vector<uint8_t> pattern(size_t size, uint8_t first) {
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(first + i * 7 + i / 256);
    return bytes;
}

// Lays out an ELF file: the header, the program headers, then each segment at the next offset that fits its address.
inline std::vector<uint8_t> make_executable(uint16_t type, uint64_t entry, const std::vector<Segment>& segments) {
    std::vector<uint8_t> file(sizeof(Elf64_Ehdr) + segments.size() * sizeof(Elf64_Phdr));
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = type;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_entry = entry;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<uint16_t>(segments.size());
    std::memcpy(file.data(), &header, sizeof header);
    for (size_t i = 0; i < segments.size(); ++i) {
        const Segment& s = segments[i];
        const uint64_t offset = align_up(file.size(), page_size) + s.address % page_size;
        file.resize(offset + s.contents.size());
        std::copy(s.contents.begin(), s.contents.end(), file.begin() + static_cast<ptrdiff_t>(offset));
        const Elf64_Phdr phdr{s.type,           s.flags, offset, s.address, s.address, s.contents.size(), s.memory_size ? s.memory_size : s.contents.size(),
                              s.alignment};
        std::memcpy(file.data() + sizeof(Elf64_Ehdr) + i * sizeof phdr, &phdr, sizeof phdr);
    }
    return file;
}

template <typename Change>
void edit_header(std::vector<uint8_t>& file, Change&& change) {
    Elf64_Ehdr header;
    std::memcpy(&header, file.data(), sizeof header);
    change(header);
    std::memcpy(file.data(), &header, sizeof header);
}

template <typename Change>
void edit_segment(std::vector<uint8_t>& file, size_t index, Change&& change) {
    uint8_t* const at = file.data() + sizeof(Elf64_Ehdr) + index * sizeof(Elf64_Phdr);
    Elf64_Phdr segment;
    std::memcpy(&segment, at, sizeof segment);
    change(segment);
    std::memcpy(at, &segment, sizeof segment);
}

// Where a byte of the program stands in physical memory, faulted in as the program's own access would. Null: no access.
inline uint8_t* reach(mm::AddressSpace& space, VirtualAddress address, mm::Access access) {
    if (!space.query(address) || access == mm::Access::Write) {
        if (!space.fault(address, access).ok()) return nullptr;
    }
    const auto mapping = space.query(address);
    if (!mapping) return nullptr;
    return direct_map(mapping->address).as<uint8_t>();
}

class BytesSource final : public init::ExecutableSource {
public:
    BytesSource(mm::AddressSpace& space, std::vector<uint8_t> bytes) : space_{space}, bytes_{std::move(bytes)} {}
    [[nodiscard]] uint64_t size() const override { return bytes_.size(); }
    Result<void> read(uint64_t offset, void* destination, uint64_t length) override {
        if (offset + length > broken_from) return Error{EIO};
        // The loader promises to stay within the file.
        if (offset > bytes_.size() || length > bytes_.size() - offset) std::abort();
        std::memcpy(destination, bytes_.data() + offset, length);
        return {};
    }
    Result<void> read_to_user(uint64_t offset, VirtualAddress destination, uint64_t length) override {
        if (offset + length > broken_from) return Error{EIO};
        if (offset > bytes_.size() || length > bytes_.size() - offset) std::abort();
        while (length > 0) {
            const uint64_t piece = std::min(length, page_size - destination.value % page_size);
            uint8_t* to = reach(space_, destination, mm::Access::Write);
            if (!to) return Error{EFAULT};
            std::memcpy(to, bytes_.data() + offset, piece);
            destination += piece;
            offset += piece;
            length -= piece;
        }
        return {};
    }
    uint64_t broken_from = ~uint64_t{0};  // reads that end behind this offset fail

private:
    mm::AddressSpace& space_;
    std::vector<uint8_t> bytes_;
};

}  // namespace eremite::test
