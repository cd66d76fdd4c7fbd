// mmap(2), munmap(2), mprotect(2), brk(2).
#include <linux/mman.h>

#include <algorithm>

#include "libos/mm/address_space.hpp"
#include "libos/mm/graveyard.hpp"
#include "libos/mm/limits.hpp"

namespace eremite::mm {

namespace {

// MAP_SHARED_VALIDATE refuses what it does not know; the older types ignore it.
constexpr int known_flags = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED |
                            MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_FIXED_NOREPLACE |
                            (MAP_HUGE_MASK << MAP_HUGE_SHIFT);

// Must this memory be promised? Stacks are not: each thread reserves megabytes of which it touches pages.
bool accountable(const Vma& vma) {
    if (!vma.protection.writable() || vma.flags.no_reserve || vma.flags.stack) return false;
    return vma.kind == Vma::Kind::Anonymous || vma.private_object();
}

Result<void> check_type(const MapRequest& request) {
    const int type = request.flags & MAP_TYPE;
    if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE) return Error{EINVAL};
    if (type == MAP_SHARED_VALIDATE && !request.object) return Error{EINVAL};
    if (type == MAP_SHARED_VALIDATE && (request.flags & ~known_flags)) return Error{EOPNOTSUPP};
    return {};
}

}  // namespace

// Where a mapping goes. The ways to fail stand in the order in which Linux checks them.
Result<VirtualAddress> AddressSpace::place(const MapRequest& request, uint64_t length) {
    if (length > user_address_end) return Error{ENOMEM};
    if (request.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        const VirtualAddress start = request.hint;
        if (start.value > user_address_end - length) return Error{ENOMEM};
        if (!start.is_aligned(page_size)) return Error{EINVAL};
        if (start.value < lowest_address) return Error{EPERM};
        const VirtualRange range{start, start + length};
        if ((request.flags & MAP_FIXED_NOREPLACE) && !free_range(range)) return Error{EEXIST};
        if (touches_kernel(range)) return Error{EINVAL};
        return start;
    }
    const bool low = (request.flags & MAP_32BIT) != 0;
    if (request.hint.value >= page_size) {
        const VirtualAddress hint = std::max(request.hint.down_to(page_size).value, lowest_address);
        const uint64_t end = low ? low_window_end : user_address_end;
        if (length <= end && hint.value <= end - length && free_range({hint, hint + length})) return hint;
    }
    return find_gap(length, low ? Placement::Below2GiB : Placement::Anywhere);
}

Result<VirtualAddress> AddressSpace::map(const MapRequest& request) {
    if (request.length == 0 || !is_aligned(request.offset, page_size)) return Error{EINVAL};
    const uint64_t length = align_up(request.length, page_size);
    if (length == 0) return Error{ENOMEM};
    if (request.offset + length < request.offset) return Error{EOVERFLOW};
    TRY(check_type(request));
    if (!request.protection.within(request.maximum)) return Error{EACCES};
    if (request.protection.writable() && request.protection.executable()) return Error{EACCES};
    // There is no pool of huge pages, which is what Linux answers then.
    if (request.flags & MAP_HUGETLB) return Error{ENOMEM};

    Vma wanted;
    wanted.kind = request.object ? Vma::Kind::Object : Vma::Kind::Anonymous;
    wanted.protection = request.protection;
    wanted.maximum = request.maximum;
    wanted.flags.shared = (request.flags & MAP_TYPE) != MAP_PRIVATE;
    wanted.flags.no_reserve = (request.flags & MAP_NORESERVE) != 0;
    wanted.flags.grows_down = (request.flags & MAP_GROWSDOWN) != 0;
    wanted.flags.stack = (request.flags & (MAP_STACK | MAP_GROWSDOWN)) != 0;
    wanted.flags.locked = lock_future_ || (request.flags & MAP_LOCKED) != 0;
    wanted.flags.accounted = accountable(wanted);
    if (request.object) {
        wanted.object = request.object;
        wanted.page_offset = request.offset / page_size;
    }

    Graveyard graveyard;
    const Changing lock{*this};
    const VirtualAddress start = TRY(place(request, length));
    wanted.range = {start, start + length};
    Pledge pledge{*this};
    if (wanted.flags.accounted && !pledge.make(length / page_size)) return Error{ENOMEM};
    if (request.flags & MAP_FIXED) TRY(unmap_areas(wanted.range, graveyard));
    TRY(add_area(wanted, graveyard));
    const bool populates = (request.flags & MAP_POPULATE) && !(request.flags & MAP_NONBLOCK);
    if ((populates || (request.flags & MAP_LOCKED) || populate_future_) && wanted.protection.bits != 0) {
        // mmap(2): "the mmap() call doesn't fail if the mapping cannot be populated".
        static_cast<void>(populate(wanted.range, wanted.protection.writable() && !wanted.flags.shared).ok());
    }
    return start;
}

Result<void> AddressSpace::unmap(VirtualAddress start, uint64_t length) {
    if (!start.is_aligned(page_size) || length == 0) return Error{EINVAL};
    if (start.value > user_address_end || length > user_address_end - start.value) return Error{EINVAL};
    Graveyard graveyard;
    const Changing lock{*this};
    return unmap_areas({start, start + align_up(length, page_size)}, graveyard);
}

// EINVAL: some of it is ours; ENOMEM: a part could not be cut off. Either way nothing is unmapped.
Result<void> AddressSpace::unmap_areas(VirtualRange range, Graveyard& graveyard) {
    Vma* vma = first_ending_after(range.start);
    if (!vma || vma->range.start >= range.end) return {};
    Vma* last = vma;
    Vma* behind = vma;
    for (; behind && behind->range.start < range.end; behind = areas_.next(*behind)) {
        if (behind->kind == Vma::Kind::Kernel) return Error{EINVAL};
        last = behind;
    }
    // A large page belongs to one area, so only where an area is cut can one straddle an end.
    if (vma->range.start < range.start || last->range.end > range.end) TRY(table_.split_ends(range));
    if (vma->range.start < range.start && vma->range.end > range.end) behind = TRY(split(*vma, range.end));
    const VirtualRange unused = unused_around(*vma, *last, behind, range);
    while (vma != behind) {
        Vma* next = vma == last ? behind : areas_.next(*vma);
        const VirtualRange cut{std::max(vma->range.start, range.start), std::min(vma->range.end, range.end)};
        // The areas before have gone; those behind go next.
        drop_pages(*vma, cut, {unused.start, vma == last ? unused.end : next->range.start});
        count_mapped(*vma, -static_cast<int64_t>(cut.size() / page_size));
        if (cut == vma->range) remove(*vma, graveyard);
        else if (cut.start == vma->range.start) resize(*vma, {cut.end, vma->range.end});
        else resize(*vma, {vma->range.start, cut.start});
        vma = next;
    }
    return {};
}

Result<void> AddressSpace::protect(VirtualAddress start, uint64_t length, Protection protection) {
    if (!start.is_aligned(page_size)) return Error{EINVAL};
    if (length == 0) return {};
    const uint64_t size = align_up(length, page_size);
    if (size == 0 || start.value + size <= start.value) return Error{ENOMEM};
    if (protection.writable() && protection.executable()) return Error{EACCES};
    const VirtualRange range{start, start + size};
    Graveyard graveyard;
    const Changing lock{*this};
    Result<void> result;
    VirtualAddress at = start;
    while (at < range.end) {
        Vma* vma = find(at);
        if (!vma) {
            result = Error{ENOMEM};
            break;
        }
        const VirtualRange part{at, std::min(vma->range.end, range.end)};
        if (vma->protection != protection || vma->kind == Vma::Kind::Kernel) {
            result = protect_area(*vma, part, protection);
            if (!result.ok()) break;
        }
        at = part.end;
    }
    merge_around({start, std::min(at, range.end)}, graveyard);
    return result;
}

// Changes a part of one area. EACCES: that right cannot be had; ENOMEM: no memory to cut it off, or none to promise.
Result<void> AddressSpace::protect_area(Vma& vma, VirtualRange range, Protection protection) {
    if (vma.kind == Vma::Kind::Kernel || !protection.within(vma.maximum)) return Error{EACCES};
    Vma changed = vma.detached();
    changed.protection = protection;
    const uint64_t pages = range.size() / page_size;
    const bool promise = !vma.flags.accounted && accountable(changed);
    Pledge pledge{*this};
    if (promise && !pledge.make(pages)) return Error{ENOMEM};
    Vma* part = TRY(isolate(vma, range));
    part->protection = protection;
    if (promise) {
        part->flags.accounted = true;
        statistics_.committed_pages += pages;
        committed_resident_ += table_.count(range).owned;
        pledged_ = 0;
        keep_promises();
    }
    // Pages that an area shares, with an object or with everybody (the zero page), do not become writable by this.
    const bool shares = part->kind == Vma::Kind::Object || part->kind == Vma::Kind::Anonymous;
    const auto rule = shares ? arch::PageTable::WriteRule::OwnedPages : arch::PageTable::WriteRule::All;
    table_.protect(range, page_flags(*part), rule);
    return {};
}

VirtualAddress AddressSpace::brk(VirtualAddress wanted) {
    Graveyard graveyard;
    const Changing lock{*this};
    if (wanted < brk_start_ || wanted.value > user_address_end - page_size) return brk_;
    const VirtualAddress old_end = brk_.up_to(page_size);
    const VirtualAddress new_end = wanted.up_to(page_size);
    if (new_end < old_end) {
        if (!unmap_areas({new_end, old_end}, graveyard).ok()) return brk_;
    } else if (new_end > old_end) {
        // One page stays free above, so that running off the heap's end faults.
        if (!free_range({old_end, new_end + page_size})) return brk_;
        Vma heap;
        heap.range = {old_end, new_end};
        heap.protection = protection::read_write;
        heap.flags.heap = true;
        heap.flags.accounted = true;
        heap.flags.locked = lock_future_;
        heap.name = heap_name;
        Pledge pledge{*this};
        if (!pledge.make(heap.range.size() / page_size) || !add_area(heap, graveyard).ok()) return brk_;
            brk_ = wanted;
        if (populate_future_) static_cast<void>(populate(heap.range, true).ok());
        return wanted;
    }
    return brk_ = wanted;
}

}  // namespace eremite::mm
