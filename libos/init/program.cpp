#include "libos/init/program.hpp"

#include <algorithm>

#include "libos/init/layout.hpp"

namespace eremite::init {

Program linked_program() {
    const Elf64_Ehdr& header = image_header();
    VirtualRange text{VirtualAddress{~uint64_t{0}}, VirtualAddress{}};
    for (const Elf64_Phdr& segment : image_segments()) {
        if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X)) continue;
        text.start = std::min(text.start, VirtualAddress{segment.p_vaddr});
        text.end = std::max(text.end, VirtualAddress{segment.p_vaddr + segment.p_filesz});
    }
    // Our own text stands behind the program's in the same segment.
    for (const KernelPart& part : kernel_parts())
        if (text.contains(part.range.start)) text.end = part.range.start;
    return {VirtualAddress{header.e_entry}, VirtualAddress{image_segments().data()}, header.e_phnum, 0, text};
}

}  // namespace eremite::init
