#pragma once
// Ranges as system calls name them, and the parts of areas in them. Private to this folder.
#include <algorithm>

#include "libos/mm/address_space.hpp"

namespace eremite::mm {

// [start, start + length) in whole pages; `overflow` when it does not fit the address space.
inline Result<VirtualRange> whole_pages(VirtualAddress start, uint64_t length, int overflow) {
    const uint64_t size = align_up(length, page_size);
    if ((size == 0 && length != 0) || start.value + size < start.value) return Error{overflow};
    return VirtualRange{start, start + size};
}

// Calls change(vma, part) for each part of an area in the range. Goes on over holes and says ENOMEM at the end, as madvise
// and msync do; an error of `change` ends it. `change` may populate.
template <typename Change>
Result<void> AddressSpace::for_each_part(VirtualRange range, Change&& change) {
    bool hole = false;
    for (VirtualAddress at = range.start; at < range.end;) {
        Vma* vma = first_ending_after(at);
        if (!vma || vma->range.start >= range.end) return Error{ENOMEM};
        if (vma->range.start > at) {
            hole = true;
            at = vma->range.start;
        }
        const VirtualRange part{at, std::min(vma->range.end, range.end)};
        TRY(change(*vma, part));
        at = part.end;
    }
    if (hole) return Error{ENOMEM};
    return {};
}

}  // namespace eremite::mm
