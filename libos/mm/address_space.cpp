// The tree of areas: look-up, gaps, splitting and merging, and the promises that areas make.
#include "libos/mm/address_space.hpp"

#include <algorithm>

#include "libos/mm/graveyard.hpp"
#include "libos/mm/limits.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::mm {

namespace {

// May two neighbours become one?
bool mergeable(const Vma& low, const Vma& high) {
    if (low.range.end != high.range.start || low.kind != high.kind) return false;
    if (low.protection != high.protection || low.maximum != high.maximum || low.flags != high.flags) return false;
    if (low.name.data() != high.name.data()) return false;
    if (low.kind == Vma::Kind::Anonymous) return true;
    return low.kind == Vma::Kind::Object && low.object == high.object && low.object_page(low.range.end) == high.page_offset;
}

// Looks for the highest place for `length` bytes within `window` and between areas.
struct GapSearch {
    uint64_t length;
    uint64_t alignment;
    VirtualRange window;
    VirtualAddress found{};

    // Searches the gaps of a subtree from high to low; `low` and `high` are the ends of the areas around it. Subtrees without a
    // gap wide enough are skipped.
    bool in_subtree(const Vma* vma, uint64_t low, uint64_t high) {
        if (high <= window.start.value || low >= window.end.value) return false;
        if (!vma) return between(low, high);
        if (vma->subtree_gap < length && vma->subtree_first - low < length && high - vma->subtree_end < length) return false;
        return in_subtree(VmaTree::right(*vma), vma->range.end.value, high) || in_subtree(VmaTree::left(*vma), low, vma->range.start.value);
    }
    bool between(uint64_t low, uint64_t high) {
        low = std::max(low, window.start.value);
        high = std::min(high, window.end.value);
        if (high < length) return false;
        const uint64_t place = align_down(high - length, alignment);
        if (place < low) return false;
        found = VirtualAddress{place};
        return true;
    }
};

}  // namespace

Vma* AddressSpace::find(VirtualAddress address) {
    if (recent_ && recent_->range.contains(address)) return recent_;
    Vma* vma = areas_.at_or_before(address.value);
    if (!vma || !vma->range.contains(address)) return nullptr;
    return recent_ = vma;
}

Vma* AddressSpace::first_ending_after(VirtualAddress address) {
    if (recent_ && recent_->range.contains(address)) return recent_;
    Vma* vma = areas_.at_or_before(address.value);
    if (vma && vma->range.end > address) return vma;
    return vma ? areas_.next(*vma) : areas_.first();
}

bool AddressSpace::free_range(VirtualRange range) {
    const Vma* vma = first_ending_after(range.start);
    return !vma || vma->range.start >= range.end;
}

bool AddressSpace::touches_kernel(VirtualRange range) {
    for (const Vma* vma = first_ending_after(range.start); vma && vma->range.start < range.end; vma = areas_.next(*vma)) {
        if (vma->kind == Vma::Kind::Kernel) return true;
    }
    return false;
}

Result<VirtualAddress> AddressSpace::find_gap(uint64_t length, Placement placement) {
    const VirtualRange window = placement == Placement::Below2GiB ? VirtualRange{low_window_start, low_window_end}
                                                                  : VirtualRange{VirtualAddress{lowest_address}, map_top_};
    GapSearch search{length, page_size, window};
    // Large mappings start where large pages can, as long as there is room.
    if (length >= large_page_size) {
        search.alignment = large_page_size;
        if (search.in_subtree(areas_.root(), 0, UINT64_MAX)) return search.found;
        search.alignment = page_size;
    }
    if (search.in_subtree(areas_.root(), 0, UINT64_MAX)) return search.found;
    return Error{ENOMEM};
}

// Cuts an area in two; returns the upper part. A large page belongs to one area only, so it is cut as well. Requires: `at`
// lies within. ENOMEM.
Result<Vma*> AddressSpace::split(Vma& vma, VirtualAddress at) {
    TRY(table_.split_ends({at, at}));
    Vma* upper = new (std::nothrow) Vma{vma.detached()};
    if (!upper) return Error{ENOMEM};
    upper->range.start = at;
    upper->page_offset = vma.object_page(at);
    if (upper->object) upper->object->mapped();
    vma.range.end = at;
    areas_.updated(vma);
    areas_.insert(*upper);
    return upper;
}

// Cuts an area so that `range`, which lies within, is one of its own. ENOMEM: it may be cut at one end.
Result<Vma*> AddressSpace::isolate(Vma& vma, VirtualRange range) {
    Vma* part = &vma;
    if (part->range.start < range.start) part = TRY(split(*part, range.start));
    if (part->range.end > range.end) TRY(split(*part, range.end));
    return part;
}

// Adds an area, by growing a neighbour where one is of the same kind. Requires: the range is free. ENOMEM.
Result<Vma*> AddressSpace::add_area(const Vma& wanted, Graveyard& graveyard) {
    Vma* low = areas_.at_or_before(wanted.range.start.value);
    Vma* high = low ? areas_.next(*low) : areas_.first();
    Vma* area;
    if (low && mergeable(*low, wanted)) {
        area = low;
        resize(*low, {low->range.start, wanted.range.end});
        if (high && mergeable(*low, *high)) {
            const VirtualAddress end = high->range.end;
            remove(*high, graveyard);
            resize(*low, {low->range.start, end});
        }
    } else if (high && mergeable(wanted, *high)) {
        area = high;
        resize(*high, {wanted.range.start, high->range.end});
    } else {
        area = new (std::nothrow) Vma{wanted};
        if (!area) return Error{ENOMEM};
        if (area->object) area->object->mapped();
        areas_.insert(*area);
    }
    const auto pages = wanted.range.size() / page_size;
    count_mapped(wanted, static_cast<int64_t>(pages));
    return recent_ = area;
}

// Merges an area with its neighbours where they allow it; returns what it is part of then.
Vma& AddressSpace::merge(Vma& vma, Graveyard& graveyard) {
    Vma* area = &vma;
    Vma* low = areas_.previous(*area);
    if (low && mergeable(*low, *area)) {
        const VirtualAddress end = area->range.end;
        remove(*area, graveyard);
        resize(*low, {low->range.start, end});
        area = low;
    }
    Vma* high = areas_.next(*area);
    if (high && mergeable(*area, *high)) {
        const VirtualAddress end = high->range.end;
        remove(*high, graveyard);
        resize(*area, {area->range.start, end});
    }
    return *area;
}

// Merges whatever can be in and next to the range.
void AddressSpace::merge_around(VirtualRange range, Graveyard& graveyard) {
    Vma* vma = first_ending_after(range.start);
    while (vma && vma->range.start <= range.end) vma = areas_.next(merge(*vma, graveyard));
}

// Moves the ends of an area. Requires: it stays between its neighbours.
void AddressSpace::resize(Vma& vma, VirtualRange range) {
    if (vma.kind == Vma::Kind::Object) vma.page_offset = vma.page_offset + range.start.value / page_size - vma.range.start.value / page_size;
    vma.range = range;
    areas_.updated(vma);
}

void AddressSpace::remove(Vma& vma, Graveyard& graveyard) {
    if (recent_ == &vma) recent_ = nullptr;
    areas_.remove(vma);
    graveyard.add(vma);
}

bool AddressSpace::Pledge::make(uint64_t pages) {
    if (space_.overcommit_ == Overcommit::Always || pages == 0) return true;
    if (!page_allocator().promise(space_.fault_margin_ + space_.promised_pages() + pages, commit_margin)) return false;
    space_.pledged_ = pages;
    return true;
}

AddressSpace::Pledge::~Pledge() {
    if (space_.pledged_ == 0) return;
    space_.pledged_ = 0;
    space_.keep_promises();
}

// What was promised stays free for those it was promised to.
void AddressSpace::keep_promises() const {
    page_allocator().set_promised(fault_margin_ + (overcommit_ == Overcommit::Strict ? promised_pages() : 0));
}

// Unmaps part of an area and frees its frames. Around it, in `unused`, no area is left: its tables can go too. What stays of
// the area is promised again: keep_promises is up to the caller. Requires: no large page straddles the ends.
void AddressSpace::drop_pages(const Vma& vma, VirtualRange range, VirtualRange unused) {
    const auto removed = table_.unmap(range, unused);
    statistics_.resident_pages -= removed.pages;
    if (vma.flags.accounted) committed_resident_ -= removed.owned;
}

// From the area before `first` to `behind`, the one after `last`, when [first, last] lose `range`.
VirtualRange AddressSpace::unused_around(const Vma& first, const Vma& last, const Vma* behind, VirtualRange range) {
    VirtualRange unused = range;
    if (first.range.start >= range.start) {
        const Vma* const before = areas_.previous(first);
        unused.start = before ? before->range.end : VirtualAddress{};
    }
    if (last.range.end <= range.end) unused.end = behind ? behind->range.start : VirtualAddress{user_address_end};
    return unused;
}

void AddressSpace::count_resident(const Vma& vma, uint64_t pages, uint64_t owned) {
    statistics_.resident_pages += pages;
    statistics_.peak_pages = std::max(statistics_.peak_pages, statistics_.resident_pages);
    if (!vma.flags.accounted || owned == 0) return;
    committed_resident_ += owned;
    keep_promises();
}

// Pages of address space that `vma` gained or lost.
void AddressSpace::count_mapped(const Vma& vma, int64_t pages) {
    if (vma.kind == Vma::Kind::Kernel) return;
    statistics_.mapped_pages += static_cast<uint64_t>(pages);
    if (vma.flags.accounted) {
        statistics_.committed_pages += static_cast<uint64_t>(pages);
        if (pages > 0) pledged_ -= std::min(pledged_, static_cast<uint64_t>(pages));
        keep_promises();
    }
    if (vma.flags.locked) statistics_.locked_pages += static_cast<uint64_t>(pages);
}

arch::PageFlags AddressSpace::page_flags(const Vma& vma) {
    arch::PageFlags flags = arch::page::user;
    if (vma.protection.readable()) flags = flags | arch::page::read;
    if (vma.protection.writable()) flags = flags | arch::page::write;
    if (vma.protection.executable()) flags = flags | arch::page::execute;
    if (vma.kind == Vma::Kind::Anonymous) flags = flags | arch::page::owned;
    return flags;
}

VmaInfo AddressSpace::describe(const Vma& vma) {
    return {vma.range,        vma.protection,           vma.flags.shared, vma.kind == Vma::Kind::Kernel,
            vma.flags.locked, vma.page_offset * page_size, vma.object.get(), vma.name};
}

AddressSpace::Statistics AddressSpace::statistics() {
    sync::Guard guard{lock_};
    return statistics_;
}

std::optional<arch::PageTable::Mapping> AddressSpace::query(VirtualAddress address) {
    sync::Guard guard{lock_};
    return table_.query(address);
}

}  // namespace eremite::mm
