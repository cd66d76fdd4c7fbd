// Page tables of x86-64: look-up, mapping, splitting. Removal and change of ranges: page_table_ranges.cpp.
#include "libos/arch/x86_64/page_table.hpp"

#include <algorithm>
#include <bit>

#include "base/panic.hpp"
#include "libos/arch/tlb.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/mm/zero_page.hpp"

namespace eremite::arch {

using namespace x86_64;

namespace {

PageTable::EmptyRun empty_part(PageTable::EmptyRun run) {
    size_t count = 0;
    while (count < run.count && load(run.slots[count]) == 0) ++count;
    return {run.slots, count};
}

// What an access will set in an entry with these rights.
uint64_t access_bits(PageFlags flags) { return flags.has(page::write) ? entry::accessed | entry::dirty : entry::accessed; }

// Frees a table, the tables below it, and the frames that pages own.
void free_tree(uint64_t* table, unsigned level) {
    for (unsigned i = 0; i < entries_per_table; ++i) {
        const uint64_t e = table[i];
        if (e == 0) continue;
        if (!is_leaf(e, level)) free_tree(table_at(e), level - 1);
        else if (e & entry::owned) mm::page_allocator().free(PhysicalAddress{e & entry::address}, 9 * level);
    }
    mm::page_allocator().free(physical_of_direct_map(VirtualAddress{table}), 0);
}

}  // namespace

Result<PhysicalAddress> PageTable::create_root() {
    const PhysicalAddress root = TRY(mm::page_allocator().allocate(0, mm::PageAllocator::Use::Promised));
    mm::zero_pages(root, 1);
    return root;
}

PageTable::~PageTable() {
    free_tree(table_at(root_.value), root_level);
    if (spare_.value) mm::page_allocator().free(spare_, 0);
}

Result<PhysicalAddress> PageTable::allocate_table(bool promised) {
    using Use = mm::PageAllocator::Use;
    if (spare_.value) return std::exchange(spare_, PhysicalAddress{});
    const PhysicalAddress table = TRY(mm::page_allocator().allocate(0, promised ? Use::Promised : Use::Ordinary));
    mm::zero_pages(table, 1);
    return table;
}

// Requires: the table is all zero and no CPU can reach it any more.
void PageTable::free_table(PhysicalAddress table) {
    if (!spare_.value) spare_ = table;
    else mm::page_allocator().free(table, 0);
}

// The table of `level` on the path to `address`, made if missing. EEXIST: a larger page stands there; ENOMEM.
Result<uint64_t*> PageTable::table_for(VirtualAddress address, unsigned level, bool promised) {
    uint64_t* table = table_at(root_.value);
    for (unsigned l = root_level; l > level; --l) {
        uint64_t& slot = table[index_of(address, l)];
        uint64_t e = load(slot);
        if (e == 0) {
            e = TRY(allocate_table(promised)).value | entry::table;
            store(slot, e);
        } else if (is_leaf(e, l)) {
            return Error{EEXIST};
        }
        table = table_at(e);
    }
    return table;
}

// The slot of `level` on the path to `address`, or null when the path ends above it.
uint64_t* PageTable::entry(VirtualAddress address, unsigned level) const {
    uint64_t* table = table_at(root_.value);
    for (unsigned l = root_level; l > level; --l) {
        const uint64_t e = load(table[index_of(address, l)]);
        if (e == 0 || is_leaf(e, l)) return nullptr;
        table = table_at(e);
    }
    return &table[index_of(address, level)];
}

std::optional<PageTable::Mapping> PageTable::query(VirtualAddress address) const {
    const uint64_t* table = table_at(root_.value);
    for (unsigned level = root_level;; --level) {
        const uint64_t e = load(table[index_of(address, level)]);
        if (e == 0) return std::nullopt;
        if (is_leaf(e, level)) {
            const uint64_t size = span_of(level);
            const uint64_t offset = address.value & (size - 1);
            return Mapping{PhysicalAddress{(e & entry::address) + offset}, size, decode(e), (e & entry::accessed) != 0, (e & entry::dirty) != 0};
        }
        table = table_at(e);
    }
}

Result<void> PageTable::map(VirtualAddress address, PhysicalAddress frame, uint64_t size, PageFlags flags) {
    const unsigned level = size == page_size ? 0 : size == large_page_size ? 1 : 2;
    uint64_t* table = TRY(table_for(address, level));
    uint64_t& slot = table[index_of(address, level)];
    if (load(slot) != 0) return Error{EEXIST};
    store(slot, frame.value | encode(flags, level));
    return {};
}

Result<void> PageTable::map_range(VirtualRange range, PhysicalAddress start, PageFlags flags) {
    while (!range.empty()) {
        const uint64_t alignment = range.start.value | start.value;
        unsigned level = largest_page_ == huge_page_size ? 2 : 1;
        while (level > 0 && (!is_aligned(alignment, span_of(level)) || range.size() < span_of(level))) --level;
        uint64_t* table = TRY(table_for(range.start, level));
        const uint64_t bits = encode(flags, level);
        const uint64_t span = span_of(level);
        // As far as this table reaches.
        for (unsigned i = index_of(range.start, level); i < entries_per_table && range.size() >= span && !range.empty(); ++i) {
            if (load(table[i]) != 0) return Error{EEXIST};
            store(table[i], start.value | bits);
            range.start += span;
            start += span;
        }
    }
    return {};
}

bool PageTable::clear_empty_block(VirtualAddress address) {
    uint64_t* slot = entry(address, 1);
    if (!slot) {
        // Nothing below a missing table; a 1 GiB page ends the path as well.
        return !query(address).has_value();
    }
    const uint64_t e = load(*slot);
    if (e == 0) return true;
    if (is_leaf(e, 1)) return false;
    const uint64_t* table = table_at(e);
    if (std::any_of(table, table + entries_per_table, [](const uint64_t& s) { return load(s) != 0; })) return false;
    // The CPU may hold a pointer to the table though no page was ever mapped by it.
    if (take(*slot) & entry::accessed) flush_page(address);
    free_table(PhysicalAddress{e & entry::address});
    return true;
}

// The slots from `address` to the end of its table, empty or not; none where a large page stands.
inline Result<PageTable::EmptyRun> PageTable::slots_from(VirtualAddress address, bool promised) {
    auto table = table_for(address, 0, promised);
    if (!table.ok()) {
        if (table.code() == EEXIST) return EmptyRun{nullptr, 0};
        return table.error();
    }
    const unsigned index = index_of(address, 0);
    return EmptyRun{*table + index, entries_per_table - index};
}

Result<PageTable::EmptyRun> PageTable::empty_run(VirtualAddress address, size_t maximum, bool promised) {
    const EmptyRun slots = TRY(slots_from(address, promised));
    return empty_part({slots.slots, std::min(slots.count, maximum)});
}

Result<PageTable::EmptyRun> PageTable::next_run(VirtualAddress address, size_t before, size_t maximum, bool promised) {
    const EmptyRun slots = TRY(slots_from(address, promised));
    if (slots.count == 0) return slots;
    const size_t index = entries_per_table - slots.count;
    size_t walked = 0;
    if (index != 0) {
        before = std::min({before, maximum - 1, index});
        while (walked < before && load(*(slots.slots - 1 - walked)) != 0) ++walked;
    } else if (before != 0 && query(address - page_size)) {
        walked = maximum - 1;
    }
    return empty_part({slots.slots, std::min({slots.count, maximum, walked + 1})});
}

size_t PageTable::fill(EmptyRun run, std::span<const PhysicalAddress> frames, PageFlags flags) {
    const uint64_t bits = encode(flags, 0);
    const size_t most = std::min(run.count, frames.size());
    uint64_t touched = access_bits(flags);
    size_t filled = 0;
    for (; filled < most && load(run.slots[filled]) == 0; ++filled) {
        store(run.slots[filled], frames[filled].value | bits | touched);
        touched = 0;
    }
    return filled;
}

void PageTable::fill_with(EmptyRun run, PhysicalAddress frame, PageFlags flags) {
    const uint64_t e = frame.value | encode(flags, 0);
    for (size_t i = 0; i < run.count; ++i) store(run.slots[i], i == 0 ? e | access_bits(flags) : e);
}

void PageTable::replace(VirtualAddress address, PhysicalAddress frame, PageFlags flags) {
    uint64_t* slot = entry(address, 0);
    require(slot != nullptr && load(*slot) != 0, "page table: nothing to replace");
    const uint64_t old = take(*slot);
    if (old & entry::accessed) flush_page(address);
    store(*slot, frame.value | encode(flags, 0));
}

// Splits the page around `address`, unless it starts there.
Result<void> PageTable::split_at(VirtualAddress address) {
    if (address.is_aligned(huge_page_size)) return {};
    for (unsigned level = 2; level > 0; --level) {
        if (address.is_aligned(span_of(level))) return {};
        uint64_t* slot = entry(address, level);
        if (!slot) continue;
        const uint64_t e = load(*slot);
        if (e == 0) return {};
        if (!is_leaf(e, level)) continue;
        const PhysicalAddress frame = TRY(allocate_table());
        uint64_t* table = table_at(frame.value);
        const unsigned below = level - 1;
        // Accessed and dirty hold for every part as far as anybody knows.
        const uint64_t part = below == 0 ? e & ~entry::large : e;
        for (unsigned i = 0; i < entries_per_table; ++i) table[i] = part + i * span_of(below);
        require(!(e & entry::owned) || level == 1, "page table: an owned page of 1 GiB");
        if (e & entry::owned) mm::page_allocator().split(PhysicalAddress{e & entry::address}, 9);
        // The translations stay as they are, so what a TLB holds stays true.
        store(*slot, frame.value | entry::table);
    }
    return {};
}

Result<void> PageTable::split_ends(VirtualRange range) {
    TRY(split_at(range.start));
    return split_at(range.end);
}

}  // namespace eremite::arch
