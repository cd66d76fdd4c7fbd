#include "libos/init/elf_loader.hpp"

#include <elf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "libos/mm/user_memory.hpp"

namespace eremite::init {

namespace {

constexpr size_t max_segments = 64;
constexpr uint64_t largest_alignment = huge_page_size;

struct Headers {
    Elf64_Ehdr file;
    Elf64_Phdr segments[max_segments];
    [[nodiscard]] std::span<const Elf64_Phdr> all() const { return {segments, file.e_phnum}; }
};

Result<void> not_executable(std::string_view& reason, std::string_view why) {
    reason = why;
    return Error{ENOEXEC};
}

Result<void> check_segment(const Elf64_Phdr& s, uint64_t file_size, std::string_view& reason) {
    if (s.p_type == PT_INTERP) return not_executable(reason, "it is dynamically linked: link it with -static");
    if (s.p_type != PT_LOAD) return {};
    if (s.p_offset > file_size || s.p_filesz > file_size - s.p_offset) return not_executable(reason, "it is truncated: a segment lies beyond its end");
    if (s.p_filesz > s.p_memsz) return not_executable(reason, "a segment is larger in the file than in memory");
    if (s.p_memsz > user_address_end || s.p_vaddr > user_address_end - s.p_memsz) return not_executable(reason, "a segment lies outside the address space");
    if (s.p_offset % page_size != s.p_vaddr % page_size) return not_executable(reason, "a segment is not aligned to pages");
    if ((s.p_align & (s.p_align - 1)) != 0 || s.p_align > largest_alignment) return not_executable(reason, "the alignment of a segment makes no sense");
    if ((s.p_flags & PF_W) && (s.p_flags & PF_X)) return not_executable(reason, "a segment is writable and executable");
    return {};
}

Result<void> read_headers(ExecutableSource& source, Headers& out, std::string_view& reason) {
    const uint64_t size = source.size();
    if (size < sizeof(Elf64_Ehdr)) return not_executable(reason, "it is too short for an ELF header");
    reason = "it cannot be read";
    TRY(source.read(0, &out.file, sizeof out.file));
    const Elf64_Ehdr& h = out.file;
    if (std::memcmp(h.e_ident, ELFMAG, SELFMAG) != 0) return not_executable(reason, "it is not an ELF file");
    if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB || h.e_machine != EM_X86_64)
        return not_executable(reason, "it is not for x86-64");
    if (h.e_type != ET_EXEC && h.e_type != ET_DYN) return not_executable(reason, "it is not an executable");
    if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum == 0 || h.e_phnum > max_segments)
        return not_executable(reason, "its program headers are malformed");
    const uint64_t table = h.e_phnum * sizeof(Elf64_Phdr);
    if (h.e_phoff > size || table > size - h.e_phoff) return not_executable(reason, "it is truncated: its program headers lie beyond its end");
    TRY(source.read(h.e_phoff, out.segments, table));
    for (const Elf64_Phdr& s : out.all()) TRY(check_segment(s, size, reason));
    return {};
}

bool occupies_memory(const Elf64_Phdr& s) { return s.p_type == PT_LOAD && s.p_memsz != 0; }

// From the first to the last page of all segments, at link addresses.
VirtualRange extent_of(const Headers& headers) {
    VirtualRange extent{VirtualAddress{user_address_end}, VirtualAddress{}};
    for (const Elf64_Phdr& s : headers.all()) {
        if (!occupies_memory(s)) continue;
        extent.start = std::min(extent.start, VirtualAddress{align_down(s.p_vaddr, page_size)});
        extent.end = std::max(extent.end, VirtualAddress{align_up(s.p_vaddr + s.p_memsz, page_size)});
    }
    return extent;
}

mm::Protection protection_of(const Elf64_Phdr& s) {
    return mm::Protection{static_cast<uint8_t>((s.p_flags & PF_R ? 1 : 0) | (s.p_flags & PF_W ? 2 : 0) | (s.p_flags & PF_X ? 4 : 0))};
}

// Maps a part of the address space for a segment, writable for us to fill.
Result<void> make_room(mm::AddressSpace& space, VirtualRange pages, std::string_view& reason) {
    const auto mapped = space.map({.hint = pages.start, .length = pages.size(), .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE});
    switch (mapped.code()) {
    case 0: return {};
    case ENOMEM: reason = "there is too little memory for it"; return Error{ENOMEM};
    case EPERM: return not_executable(reason, "a segment lies in the first 64 KiB");
    default: return not_executable(reason, "its segments collide with each other or with the kernel (0x100000 to 0x200000)");
    }
}

Result<void> load_segment(mm::AddressSpace& space, ExecutableSource& source, const Elf64_Phdr& s, uint64_t bias, std::string_view& reason) {
    const VirtualRange pages{VirtualAddress{align_down(s.p_vaddr + bias, page_size)}, VirtualAddress{align_up(s.p_vaddr + bias + s.p_memsz, page_size)}};
    TRY(make_room(space, pages, reason));
    reason = "a segment cannot be read";
    if (s.p_filesz != 0) TRY(source.read_to_user(s.p_offset, VirtualAddress{s.p_vaddr + bias}, s.p_filesz));
    reason = "there is too little memory for it";
    return space.protect(pages.start, pages.size(), protection_of(s));
}

// Where the program finds its own headers: in the segment that holds them.
VirtualAddress address_of_headers(const Headers& headers, uint64_t bias) {
    const uint64_t table = headers.all().size_bytes();
    for (const Elf64_Phdr& s : headers.all()) {
        const uint64_t before = headers.file.e_phoff - s.p_offset;
        if (s.p_type == PT_LOAD && headers.file.e_phoff >= s.p_offset && before <= s.p_filesz && table <= s.p_filesz - before)
            return VirtualAddress{s.p_vaddr + before + bias};
    }
    return VirtualAddress{};
}

// The segment that holds the entry point among its code; null: none does.
const Elf64_Phdr* code_segment(const Headers& headers) {
    const auto all = headers.all();
    const auto found = std::find_if(all.begin(), all.end(), [entry = headers.file.e_entry](const Elf64_Phdr& s) {
        return s.p_type == PT_LOAD && (s.p_flags & PF_X) && entry >= s.p_vaddr && entry - s.p_vaddr < s.p_filesz;
    });
    return found == all.end() ? nullptr : &*found;
}

// A static-PIE goes to a random place of 2 MiB granularity, or of what its segments want, far from everything else.
uint64_t position_independent_bias(const Headers& headers, VirtualRange extent, uint64_t seed) {
    constexpr uint64_t lowest = 0x2000'0000'0000, room = uint64_t{1} << 41;
    uint64_t alignment = large_page_size;
    for (const Elf64_Phdr& s : headers.all())
        if (s.p_type == PT_LOAD) alignment = std::max(alignment, s.p_align);
    return lowest + seed % (room / alignment) * alignment - align_down(extent.start.value, alignment);
}

}  // namespace

Result<Program> load_executable(mm::AddressSpace& space, ExecutableSource& source, uint64_t seed, std::string_view& reason) {
    Headers headers;
    TRY(read_headers(source, headers, reason));
    const VirtualRange extent = extent_of(headers);
    if (extent.empty()) return not_executable(reason, "it has nothing to load").error();
    const Elf64_Phdr* const code = code_segment(headers);
    if (!code) return not_executable(reason, "its entry point lies outside of its code").error();
    const uint64_t bias = headers.file.e_type == ET_DYN ? position_independent_bias(headers, extent, seed) : 0;
    if (extent.end.value + bias > user_address_end) return not_executable(reason, "its segments lie too far apart").error();
    for (const Elf64_Phdr& s : headers.all())
        if (occupies_memory(s)) TRY(load_segment(space, source, s, bias, reason));
    const VirtualRange text{VirtualAddress{code->p_vaddr + bias}, VirtualAddress{code->p_vaddr + bias + code->p_filesz}};
    space.set_brk_start(VirtualAddress{extent.end.value + bias});
    reason = {};
    return Program{VirtualAddress{headers.file.e_entry + bias}, address_of_headers(headers, bias), headers.file.e_phnum, bias, text};
}

}  // namespace eremite::init
