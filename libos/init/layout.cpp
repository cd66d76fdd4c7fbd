#include "libos/init/layout.hpp"

#include <algorithm>

extern "C" {
extern const char eremite_text_start[], eremite_text_end[], eremite_rodata_start[], eremite_rodata_end[];
extern char eremite_data_start[], eremite_data_end[], eremite_bss_start[], eremite_bss_end[];
extern const char eremite_supervisor_text_start[], eremite_supervisor_text_end[];
extern char eremite_supervisor_data_start[], eremite_supervisor_data_end[], eremite_supervisor_bss_start[], eremite_supervisor_bss_end[];
// Defined by the linker for an image whose headers are loaded, and by the C library's start files.
extern const char __ehdr_start[];
[[gnu::weak]] void _start();
}

namespace eremite::init {

namespace {

VirtualRange between(const char* start, const char* end) { return {VirtualAddress{start}, VirtualAddress{end}}; }

}  // namespace

std::span<const KernelPart> kernel_parts() {
    constexpr uint8_t read = 1, read_write = 3, read_execute = 5;
    static const KernelPart parts[] = {
        {"[library OS]", between(eremite_text_start, eremite_text_end), read_execute, false},
        {"[library OS]", between(eremite_rodata_start, eremite_rodata_end), read, false},
        {"[library OS]", between(eremite_data_start, eremite_data_end), read_write, false},
        {"[library OS]", between(eremite_bss_start, eremite_bss_end), read_write, false},
        {"[supervisor]", between(eremite_supervisor_text_start, eremite_supervisor_text_end), read_execute, true},
        {"[supervisor]", between(eremite_supervisor_data_start, eremite_supervisor_data_end), read_write, true},
        {"[supervisor]", between(eremite_supervisor_bss_start, eremite_supervisor_bss_end), read_write, true},
    };
    return parts;
}

const Elf64_Ehdr& image_header() {
    // SAFETY: the linker places the ELF header at the start of the first loaded segment.
    return *reinterpret_cast<const Elf64_Ehdr*>(__ehdr_start);
}

std::span<const Elf64_Phdr> image_segments() {
    const Elf64_Ehdr& header = image_header();
    // SAFETY: the program headers follow in the same loaded segment.
    return {reinterpret_cast<const Elf64_Phdr*>(__ehdr_start + header.e_phoff), header.e_phnum};
}

bool has_linked_program() { return _start != nullptr; }

PhysicalRange image_extent() {
    PhysicalRange extent{{~uint64_t{0}}, {0}};
    for (const Elf64_Phdr& segment : image_segments()) {
        if (segment.p_type != PT_LOAD) continue;
        extent.start = std::min(extent.start, PhysicalAddress{align_down(segment.p_paddr, page_size)});
        extent.end = std::max(extent.end, PhysicalAddress{align_up(segment.p_paddr + segment.p_memsz, page_size)});
    }
    return extent;
}

}  // namespace eremite::init
