// mremap(2). Pages move by moving their page-table entries; nothing is copied.
#include <linux/mman.h>

#include <algorithm>

#include "libos/mm/address_space.hpp"
#include "libos/mm/graveyard.hpp"
#include "libos/mm/limits.hpp"

namespace eremite::mm {

namespace {

// An area of this name merges with none: it is about to go.
constexpr std::string_view leaving = "(moved)";

// The checks that need no area, in the order of mremap(2).
Result<void> check_arguments(VirtualAddress start, uint64_t old_length, uint64_t new_length, int flags) {
    if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) return Error{EINVAL};
    if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE)) return Error{EINVAL};
    if ((flags & MREMAP_DONTUNMAP) && old_length != new_length) return Error{EINVAL};
    if (!start.is_aligned(page_size) || new_length == 0) return Error{EINVAL};
    return {};
}

}  // namespace

Result<VirtualAddress> AddressSpace::remap(VirtualAddress start, uint64_t old_length, uint64_t new_length, int flags, VirtualAddress new_start) {
    old_length = align_up(old_length, page_size);
    new_length = align_up(new_length, page_size);
    TRY(check_arguments(start, old_length, new_length, flags));
    const bool fixed = (flags & MREMAP_FIXED) != 0;
    const bool keep_old = (flags & MREMAP_DONTUNMAP) != 0;
    if (new_length > user_address_end || old_length > user_address_end) return Error{fixed ? EINVAL : ENOMEM};
    const VirtualRange old_range{start, start + old_length};
    const VirtualRange wanted{new_start, new_start + new_length};
    if (fixed) {
        if (!new_start.is_aligned(page_size) || new_start.value > user_address_end - new_length) return Error{EINVAL};
        if (wanted.overlaps(old_range)) return Error{EINVAL};
        if (new_start.value < lowest_address) return Error{EPERM};
    }

    Graveyard graveyard;
    const Changing lock{*this};
    Vma* vma = find(start);
    if (!vma) return Error{EFAULT};
    if (vma->kind == Vma::Kind::Kernel || vma->kind == Vma::Kind::Image) return Error{EINVAL};
    // A length of zero asks for a second mapping of the same pages, which only an object can give.
    if (old_length == 0 && !(vma->kind == Vma::Kind::Object && vma->flags.shared)) return Error{EINVAL};
    // Shared anonymous memory lives in its page-table entries alone, so it cannot stay at both places.
    if (keep_old && vma->kind == Vma::Kind::Anonymous && vma->flags.shared) return Error{EINVAL};
    if (fixed && touches_kernel(wanted)) return Error{EINVAL};

    // What is cut off at the end goes first.
    if (new_length < old_length) {
        TRY(unmap_areas({start + new_length, old_range.end}, graveyard));
        old_length = new_length;
        vma = find(start);
    }
    const VirtualRange kept{start, start + old_length};
    if (kept.end > vma->range.end) return Error{EFAULT};
    if (!fixed && !keep_old && new_length == old_length) return start;
    const uint64_t more = (keep_old ? new_length : new_length - old_length) / page_size;
    Pledge pledge{*this};
    if (vma->flags.accounted && !pledge.make(more)) return Error{ENOMEM};
    if (!fixed && !keep_old && old_length != 0 && grow_in_place(*vma, kept, new_length, graveyard)) return start;
    if (!(flags & MREMAP_MAYMOVE)) return Error{ENOMEM};

    VirtualAddress to = new_start;
    if (fixed) {
        TRY(unmap_areas(wanted, graveyard));
        vma = find(start);
    } else {
        to = TRY(find_gap(new_length, Placement::Anywhere));
    }
    return move_area(*vma, kept, new_length, to, keep_old || old_length == 0, graveyard);
}

// Makes the area longer where it stands, if it ends with `old_range` and the space above is free.
bool AddressSpace::grow_in_place(Vma& vma, VirtualRange old_range, uint64_t new_length, Graveyard& graveyard) {
    const VirtualAddress end = old_range.start + new_length;
    if (vma.range.end != old_range.end || end.value > user_address_end || !free_range({old_range.end, end})) return false;
    Vma extension = vma.detached();
    extension.range = {old_range.end, end};
    extension.page_offset = vma.object_page(old_range.end);
    if (!add_area(extension, graveyard).ok()) return false;
    if (extension.flags.locked) static_cast<void>(populate(extension.range, true).ok());
    return true;
}

// Moves a part of an area to `to`, where [to, to + new_length) is free. ENOMEM: nothing has moved.
Result<VirtualAddress> AddressSpace::move_area(Vma& vma, VirtualRange old_range, uint64_t new_length, VirtualAddress to, bool keep_old,
                                               Graveyard& graveyard) {
    TRY(table_.prepare_move(old_range, to));
    Vma moved = vma.detached();
    moved.range = {to, to + new_length};
    moved.page_offset = vma.object_page(old_range.start);
    if (keep_old) {
        TRY(add_area(moved, graveyard));
        table_.move(old_range, to);
        return to;
    }
    Vma* part = TRY(isolate(vma, old_range));
    part->name = leaving;
    const auto area = add_area(moved, graveyard);
    if (!area.ok()) {
        part->name = moved.name;
        merge(*part, graveyard);
        return area.error();
    }
    table_.move(old_range, to);
    count_mapped(*part, -static_cast<int64_t>(old_range.size() / page_size));
    // The tables stayed, empty.
    drop_pages(*part, old_range, unused_around(*part, *part, areas_.next(*part), old_range));
    remove(*part, graveyard);
    if (moved.flags.locked) static_cast<void>(populate(moved.range, true).ok());
    return to;
}

}  // namespace eremite::mm
