#pragma once
// Entries of x86-64 page tables (Intel SDM vol. 3A, 4.5, tables 4-15 to 4-20). Level 3 is the root (PML4), level 0 holds 4 KiB pages.
//
// An entry of 0 is empty. A leaf without the present bit keeps its frame (memory under PROT_NONE); an entry that points to
// a table is always present.
#include <cstdint>

#include "base/address.hpp"
#include "libos/arch/page_table.hpp"

namespace eremite::arch::x86_64 {

inline constexpr unsigned root_level = 3;
inline constexpr unsigned entries_per_table = 512;

namespace entry {
inline constexpr uint64_t present = 1u << 0;
inline constexpr uint64_t writable = 1u << 1;
inline constexpr uint64_t user = 1u << 2;
inline constexpr uint64_t write_through = 1u << 3;
inline constexpr uint64_t cache_disabled = 1u << 4;
inline constexpr uint64_t accessed = 1u << 5;
inline constexpr uint64_t dirty = 1u << 6;
inline constexpr uint64_t large = 1u << 7;  // levels 1 and 2: a page, not a table
inline constexpr uint64_t global = 1u << 8;
inline constexpr uint64_t owned = 1u << 9;  // bits 9 to 11 are ours
inline constexpr uint64_t no_execute = uint64_t{1} << 63;
inline constexpr uint64_t address = 0x000f'ffff'ffff'f000;
inline constexpr uint64_t rights = present | writable | no_execute;
// A table's own entry permits everything; the leaf decides.
inline constexpr uint64_t table = present | writable | user;
}  // namespace entry

[[nodiscard]] constexpr uint64_t span_of(unsigned level) { return page_size << (9 * level); }
[[nodiscard]] constexpr unsigned index_of(VirtualAddress a, unsigned level) {
    return static_cast<unsigned>(a.value >> (page_shift + 9 * level)) & (entries_per_table - 1);
}
// A non-empty entry: does it map a page (true) or point to a table?
[[nodiscard]] constexpr bool is_leaf(uint64_t e, unsigned level) { return level == 0 || (e & entry::large) != 0; }

[[nodiscard]] constexpr uint64_t encode_rights(PageFlags flags) {
    if (!flags.any(page::access)) return entry::no_execute;
    uint64_t e = entry::present;
    if (flags.has(page::write)) e |= entry::writable;
    if (!flags.has(page::execute)) e |= entry::no_execute;
    return e;
}

// All bits but the address.
[[nodiscard]] constexpr uint64_t encode(PageFlags flags, unsigned level) {
    uint64_t e = encode_rights(flags);
    if (flags.has(page::user)) e |= entry::user;
    if (flags.has(page::global)) e |= entry::global;
    // PWT and PCD select entry 3 of the PAT, which is "uncacheable" after reset (SDM vol. 3A, table 12-12).
    if (flags.has(page::uncached)) e |= entry::cache_disabled | entry::write_through;
    if (flags.has(page::owned)) e |= entry::owned;
    if (level != 0) e |= entry::large;
    return e;
}

[[nodiscard]] constexpr PageFlags decode(uint64_t e) {
    PageFlags flags;
    if (e & entry::present) {
        flags = page::read;
        if (e & entry::writable) flags = flags | page::write;
        if (!(e & entry::no_execute)) flags = flags | page::execute;
    }
    if (e & entry::user) flags = flags | page::user;
    if (e & entry::global) flags = flags | page::global;
    if (e & entry::cache_disabled) flags = flags | page::uncached;
    if (e & entry::owned) flags = flags | page::owned;
    return flags;
}

// An entry is read and written by the CPU, which sets accessed and dirty bits by itself.
[[nodiscard]] inline uint64_t load(const uint64_t& slot) { return __atomic_load_n(&slot, __ATOMIC_RELAXED); }
inline void store(uint64_t& slot, uint64_t e) { __atomic_store_n(&slot, e, __ATOMIC_RELEASE); }
// Takes an entry out, with all that the CPU has recorded in it.
[[nodiscard]] inline uint64_t take(uint64_t& slot) { return __atomic_exchange_n(&slot, 0, __ATOMIC_ACQ_REL); }

// SAFETY: tables are whole frames that the page table owns, and the direct map reaches every frame.
[[nodiscard]] inline uint64_t* table_at(uint64_t e) { return direct_map(PhysicalAddress{e & entry::address}).as<uint64_t>(); }

}  // namespace eremite::arch::x86_64
