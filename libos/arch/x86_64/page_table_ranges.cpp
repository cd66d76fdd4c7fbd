// Page tables of x86-64: operations on ranges. Translations go first, then the TLB is flushed, then frames are freed: a
// frame that somebody else gets must not be reachable by an old translation.
#include <algorithm>
#include <array>

#include "base/panic.hpp"
#include "libos/arch/tlb.hpp"
#include "libos/arch/x86_64/page_table.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::arch {

using namespace x86_64;

namespace {

// Gathers what TLBs may hold, so that one flush serves many entries.
class StaleRange {
public:
    void add(VirtualAddress address, uint64_t size) {
        if (range_.empty()) range_ = {address, address + size};
        range_.start = std::min(range_.start, address);
        range_.end = std::max(range_.end, VirtualAddress{address + size});
    }
    void flush() {
        if (range_.empty()) return;
        if (range_.size() == page_size) flush_page(range_.start);
        else flush_range(range_);
        range_ = {};
    }

private:
    VirtualRange range_{};
};

// Gathers frames to be freed once the TLB is flushed.
class FrameBatch {
public:
    FrameBatch() = default;
    FrameBatch(const FrameBatch&) = delete;
    FrameBatch& operator=(const FrameBatch&) = delete;
    ~FrameBatch() { release(); }
    StaleRange stale;
    void add(uint64_t frame, unsigned order) {
        frames_[count_++] = frame | order;
        if (count_ == frames_.size()) release();
    }

    void release() {
        stale.flush();
        for (size_t i = 0; i < count_; ++i) {
            mm::page_allocator().free(PhysicalAddress{frames_[i] & entry::address}, frames_[i] & (page_size - 1));
        }
        count_ = 0;
    }

private:
    std::array<uint64_t, 64> frames_;
    size_t count_ = 0;
};

// Calls leaf(slot, address, level) for each non-empty leaf of the range, and table(slot, address, level) after each lower
// table that serves nothing but `tables`, with an address of the range that it serves. Requires: no page straddles the ends.
template <typename Leaf, typename Table>
void walk(uint64_t* entries, unsigned level, VirtualAddress at, VirtualAddress end, VirtualRange tables, Leaf&& leaf, Table&& table) {
    const uint64_t span = span_of(level);
    for (unsigned i = index_of(at, level); at < end; ++i) {
        const VirtualAddress next = std::min(end, VirtualAddress{at.down_to(span) + span});
        const uint64_t e = load(entries[i]);
        if (e != 0) {
            if (is_leaf(e, level)) {
                require(next - at == span, "page table: a page straddles the end of a range");
                leaf(entries[i], at, level);
            } else {
                walk(table_at(e), level - 1, at, next, tables, leaf, table);
                const uint64_t block = align_down(at.value, span);
                if (block >= tables.start.value && tables.end.value - block >= span) table(entries[i], at, level);
            }
        }
        at = next;
    }
}

// As above from the root. Most ranges lie in one table of the lowest level, which is worth finding without recursion.
template <typename Leaf, typename Table>
void walk_from(uint64_t* root, VirtualRange range, VirtualRange tables, Leaf&& leaf, Table&& table) {
    uint64_t* entries = root;
    unsigned level = root_level;
    while (level > 0) {
        const uint64_t span = span_of(level);
        const VirtualAddress block = range.start.down_to(span);
        if (range.end - block > span || range.size() == span) break;
        // The table below may go, which is up to the one above it.
        if (block >= tables.start && tables.end - block >= span) break;
        const uint64_t e = load(entries[index_of(range.start, level)]);
        if (e == 0) return;
        if (is_leaf(e, level)) break;
        entries = table_at(e);
        --level;
    }
    walk(entries, level, range.start, range.end, tables, leaf, table);
}

void free_empty_tables(uint64_t* entries, unsigned level, FrameBatch& batch) {
    for (unsigned i = 0; i < entries_per_table; ++i) {
        const uint64_t e = load(entries[i]);
        if (e == 0) continue;
        require(!is_leaf(e, level), "page table: a page where none should be");
        if (level > 1) free_empty_tables(table_at(e), level - 1, batch);
        store(entries[i], 0);
        batch.add(e & entry::address, 0);
    }
}

constexpr auto keep_tables = [](uint64_t&, VirtualAddress, unsigned) {};

}  // namespace

PageTable::Removed PageTable::unmap(VirtualRange range, VirtualRange unused) {
    Removed removed;
    PhysicalAddress kept{};
    FrameBatch batch;
    const auto leaf = [&](uint64_t& slot, VirtualAddress address, unsigned level) {
        const uint64_t e = take(slot);
        const uint64_t pages = uint64_t{1} << (9 * level);
        removed.pages += pages;
        // The TLB holds no translation whose accessed bit is clear (SDM vol. 3A, 4.10.2.3).
        if (e & entry::accessed) batch.stale.add(address, span_of(level));
        if (e & entry::owned) {
            removed.owned += pages;
            batch.add(e & entry::address, 9 * level);
        }
    };
    const auto table = [&](uint64_t& slot, VirtualAddress address, unsigned level) {
        const uint64_t e = take(slot);
        // A flush drops what is cached of the whole path to an address, so one of the range serves as well as any.
        if (e & entry::accessed) batch.stale.add(address, page_size);
        // Beside the range there may be tables without pages, which mappings that failed left behind.
        if (level > 1) free_empty_tables(table_at(e), level - 1, batch);
        // One is kept for the next mapping, which often follows. It is all zero now.
        if (kept.value == 0 && spare_.value == 0) kept = PhysicalAddress{e & entry::address};
        else batch.add(e & entry::address, 0);
    };
    walk_from(table_at(root_.value), range, unused, leaf, table);
    batch.release();
    if (kept.value != 0) spare_ = kept;
    return removed;
}

PageTable::Removed PageTable::count(VirtualRange range) const {
    Removed found;
    const auto leaf = [&](uint64_t& slot, VirtualAddress, unsigned level) {
        const uint64_t pages = uint64_t{1} << (9 * level);
        found.pages += pages;
        if (load(slot) & entry::owned) found.owned += pages;
    };
    walk_from(table_at(root_.value), range, range, leaf, keep_tables);
    return found;
}

void PageTable::protect(VirtualRange range, PageFlags flags, WriteRule rule) {
    StaleRange stale;
    const uint64_t rights = encode_rights(flags);
    const auto leaf = [&](uint64_t& slot, VirtualAddress address, unsigned level) {
        const uint64_t old = load(slot);
        uint64_t wanted = rights;
        if (rule == WriteRule::OwnedPages && !(old & (entry::owned | entry::writable))) wanted &= ~entry::writable;
        if ((old & entry::rights) == wanted) return;
        // The CPU may set the dirty bit of a writable entry at any time, so it is taken out as a whole.
        const uint64_t taken = take(slot);
        store(slot, (taken & ~entry::rights) | wanted);
        const uint64_t lost = (taken & ~wanted & (entry::present | entry::writable)) | (wanted & ~taken & entry::no_execute);
        // Rights that were added need no flush: a CPU that still holds the old entry faults, drops it and looks again.
        if (lost && (taken & entry::accessed)) stale.add(address, span_of(level));
    };
    walk_from(table_at(root_.value), range, range, leaf, keep_tables);
    stale.flush();
}

Result<void> PageTable::prepare_move(VirtualRange from, VirtualAddress to) {
    const bool congruent = is_aligned(from.start.value ^ to.value, large_page_size);
    TRY(split_ends(from));
    for (VirtualAddress at = from.start; at < from.end;) {
        const VirtualAddress next = std::min(from.end, VirtualAddress{at.down_to(large_page_size) + large_page_size});
        const bool whole = next - at == large_page_size && congruent;
        const uint64_t* slot = entry(at, 1);
        const VirtualAddress target = to + (at - from.start);
        if (slot && load(*slot) != 0) {
            if (!whole && is_leaf(load(*slot), 1)) TRY(split_at(at.is_aligned(large_page_size) ? VirtualAddress{at + page_size} : at));
            TRY(table_for(target, whole ? 1 : 0));
            // Parts of one source block may go to two destination blocks.
            if (!whole) TRY(table_for(target + (next - at) - page_size, 0));
        }
        at = next;
    }
    return {};
}

void PageTable::move(VirtualRange from, VirtualAddress to) {
    StaleRange stale;
    const bool congruent = is_aligned(from.start.value ^ to.value, large_page_size);
    for (VirtualAddress at = from.start; at < from.end;) {
        const VirtualAddress next = std::min(from.end, VirtualAddress{at.down_to(large_page_size) + large_page_size});
        uint64_t* slot = entry(at, 1);
        VirtualAddress target = to + (at - from.start);
        if (!slot || load(*slot) == 0) {
            at = next;
            continue;
        }
        if (next - at == large_page_size && congruent && clear_empty_block(target)) {
            // A large page, or a table with all its pages. Its own accessed bit covers what is below.
            const uint64_t e = take(*slot);
            if (e & entry::accessed) stale.add(at, large_page_size);
            store(*entry(target, 1), e);
            at = next;
            continue;
        }
        uint64_t* table = table_at(load(*slot));
        for (; at < next; at += page_size, target += page_size) {
            uint64_t& source = table[index_of(at, 0)];
            if (load(source) == 0) continue;
            const uint64_t e = take(source);
            if (e & entry::accessed) stale.add(at, page_size);
            store(*entry(target, 0), e);
        }
    }
    stale.flush();
}

}  // namespace eremite::arch
