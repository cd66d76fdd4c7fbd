#include "vmm/boot/image.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "vmm/error.hpp"

namespace eremite::vmm {

namespace {

using Bytes = std::span<const std::byte>;

// xen/include/public/elfnote.h
constexpr uint32_t pvh_entry_note = 18;
constexpr char pvh_note_owner[] = "Xen";

// A structure of the file; nothing if it does not hold it.
template <typename T>
std::optional<T> read(Bytes bytes, uint64_t at) {
    if (at > bytes.size() || sizeof(T) > bytes.size() - at) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

Bytes part(Bytes bytes, uint64_t at, uint64_t size) {
    return at <= bytes.size() && size <= bytes.size() - at ? bytes.subspan(at, size) : Bytes{};
}

// ELF's notes: a header, the owner's name and the description, each padded to 4 bytes.
std::optional<uint32_t> find_entry(Bytes notes) {
    constexpr uint64_t alignment = 4;
    const auto padded = [](uint64_t size) { return (size + alignment - 1) / alignment * alignment; };
    for (uint64_t at = 0;;) {
        const auto header = read<Elf64_Nhdr>(notes, at);
        if (!header) return std::nullopt;
        at += sizeof *header;
        const Bytes owner = part(notes, at, header->n_namesz);
        at += padded(header->n_namesz);
        const Bytes description = part(notes, at, header->n_descsz);
        at += padded(header->n_descsz);
        const bool ours = owner.size() == sizeof pvh_note_owner && std::memcmp(owner.data(), pvh_note_owner, sizeof pvh_note_owner) == 0;
        if (!ours || header->n_type != pvh_entry_note) continue;
        if (description.size() == sizeof(uint32_t)) return read<uint32_t>(description, 0);
        const auto wide = read<uint64_t>(description, 0);
        return wide && *wide <= UINT32_MAX ? std::optional{static_cast<uint32_t>(*wide)} : std::nullopt;
    }
}

}  // namespace

LoadedImage load_image(const GuestMemory& memory, Bytes file, const std::string& name) {
    const auto refuse = [&name](const std::string& why) { return Error{name + ": " + why}; };
    const auto header = read<Elf64_Ehdr>(file, 0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) throw refuse("not an image: no ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_machine != EM_X86_64)
        throw refuse("not an image for x86-64");
    if (header->e_phentsize != sizeof(Elf64_Phdr)) throw refuse("damaged: its program headers have a wrong size");
    LoadedImage image;
    std::optional<uint32_t> entry;
    for (uint64_t i = 0; i < header->e_phnum; ++i) {
        // No overflow: the product is below 2^22, and an offset beyond the file is refused.
        const auto segment = header->e_phoff <= file.size() ? read<Elf64_Phdr>(file, header->e_phoff + i * sizeof(Elf64_Phdr)) : std::nullopt;
        if (!segment) throw refuse("damaged: its program headers lie beyond its end");
        if (segment->p_type == PT_NOTE && !entry) entry = find_entry(part(file, segment->p_offset, segment->p_filesz));
        if (segment->p_type != PT_LOAD || segment->p_memsz == 0) continue;
        const Bytes bytes = part(file, segment->p_offset, segment->p_filesz);
        if (segment->p_filesz > segment->p_memsz || bytes.size() != segment->p_filesz) throw refuse("damaged: a segment lies beyond its end");
        const std::span<std::byte> place = memory.piece(segment->p_paddr, segment->p_memsz);
        if (place.empty()) throw refuse("it does not fit into the machine's memory: use a larger --memory");
        // Fresh memory is zero, and segments of a sound image do not overlap.
        std::copy(bytes.begin(), bytes.end(), place.begin());
        image.start = image.end == 0 ? segment->p_paddr : std::min(image.start, segment->p_paddr);
        image.end = std::max(image.end, segment->p_paddr + segment->p_memsz);
    }
    if (image.end == 0) throw refuse("damaged: nothing in it is to be loaded");
    if (!entry) throw refuse("not an image: it has no PVH entry point; link it with Eremite (eremite build), or run it with `eremite run`");
    if (*entry >= image.end) throw refuse("damaged: its entry point lies outside of it");
    image.entry = *entry;
    return image;
}

}  // namespace eremite::vmm
