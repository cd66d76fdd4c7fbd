#pragma once
// Contract: the tables that translate virtual to physical addresses. Everything that can fail (tables to allocate, large
// pages to split) is a step of its own before the steps that change translations, so that those cannot fail half-way.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::arch {

// What a translation permits, and what it is.
struct PageFlags {
    uint16_t bits = 0;
    constexpr bool operator==(const PageFlags&) const = default;
    [[nodiscard]] constexpr PageFlags operator|(PageFlags o) const { return {static_cast<uint16_t>(bits | o.bits)}; }
    [[nodiscard]] constexpr PageFlags without(PageFlags o) const { return {static_cast<uint16_t>(bits & ~o.bits)}; }
    [[nodiscard]] constexpr bool has(PageFlags o) const { return (bits & o.bits) == o.bits; }
    [[nodiscard]] constexpr bool any(PageFlags o) const { return (bits & o.bits) != 0; }
};
namespace page {
inline constexpr PageFlags none{0};
inline constexpr PageFlags read{1};      // Without any of read, write, execute the page keeps its frame but cannot be accessed.
inline constexpr PageFlags write{2};
inline constexpr PageFlags execute{4};
inline constexpr PageFlags user{8};      // Without it: for the supervisor only.
inline constexpr PageFlags global{16};   // Survives a change of the page-table root.
inline constexpr PageFlags uncached{32}; // Device registers.
inline constexpr PageFlags owned{64};    // The frame belongs to this mapping alone and is freed with it.
inline constexpr PageFlags access{7};
}  // namespace page

// Not locked: the address space that owns the table does that. Ranges are multiples of 4 KiB.
class PageTable {
public:
    struct Mapping {
        PhysicalAddress address;  // of the asked-for address, not of the start of the page
        uint64_t size;            // of the page: 4 KiB, 2 MiB or 1 GiB
        PageFlags flags;
        bool accessed;
        bool dirty;
    };
    struct Removed {
        uint64_t pages = 0;  // in units of 4 KiB, like `owned`
        uint64_t owned = 0;
    };
    // Consecutive empty slots for 4 KiB pages, ready to be filled.
    struct EmptyRun {
        uint64_t* slots;
        size_t count;
    };
    enum class WriteRule : uint8_t {
        All,         // Writable if asked for.
        OwnedPages,  // Only owned pages, and those writable before: what else is there is shared with an object.
    };

    // A zeroed root table. ENOMEM.
    [[nodiscard]] static Result<PhysicalAddress> create_root();

    // Takes over a root table. `largest_page`: 2 MiB, or 1 GiB where the CPU has such pages.
    explicit PageTable(PhysicalAddress root, uint64_t largest_page = large_page_size)
        : root_{root}, largest_page_{largest_page} {}
    PageTable(const PageTable&) = delete;
    PageTable& operator=(const PageTable&) = delete;
    // Frees every owned frame and every table, the root included. Requires: no CPU uses it any more.
    ~PageTable();

    [[nodiscard]] PhysicalAddress root() const { return root_; }

    // The page that holds `address`, accessible or not.
    [[nodiscard]] std::optional<Mapping> query(VirtualAddress address) const;

    // Maps one page of `size` (4 KiB, 2 MiB, 1 GiB). EEXIST: something is mapped there; ENOMEM.
    [[nodiscard]] Result<void> map(VirtualAddress address, PhysicalAddress frame, uint64_t size, PageFlags flags);
    // Maps a range to contiguous memory with the largest pages that alignment allows. EEXIST, ENOMEM: a part may be mapped.
    [[nodiscard]] Result<void> map_range(VirtualRange range, PhysicalAddress start, PageFlags flags);

    // True when nothing is mapped in the 2 MiB block around `address`. A table without entries that stands there is freed.
    [[nodiscard]] bool clear_empty_block(VirtualAddress address);
    // At most `maximum` empty slots from `address` on within its 2 MiB block, with tables made for them; a count of 0 means
    // that `address` is mapped. `promised`: the tables may come out of the page allocator's reserve. ENOMEM.
    [[nodiscard]] Result<EmptyRun> empty_run(VirtualAddress address, size_t maximum, bool promised = true);
    // The same for one who walks through memory: at most one more than are mapped directly before, of which `before` are looked at.
    [[nodiscard]] Result<EmptyRun> next_run(VirtualAddress address, size_t before, size_t maximum, bool promised = true);
    // Fills slots from the first one on until one is not empty any more, or there are no more frames; returns how many. The first
    // page is about to be accessed, which saves the CPU from recording that. Requires: no table was removed meanwhile.
    [[nodiscard]] static size_t fill(EmptyRun run, std::span<const PhysicalAddress> frames, PageFlags flags);
    // The same with one frame for all.
    static void fill_with(EmptyRun run, PhysicalAddress frame, PageFlags flags);
    // Gives the 4 KiB page mapped at `address` another frame and flags. The old frame is not freed. Requires: it is mapped.
    void replace(VirtualAddress address, PhysicalAddress frame, PageFlags flags);

    // Splits large pages that straddle the ends of the range. ENOMEM.
    [[nodiscard]] Result<void> split_ends(VirtualRange range);
    // Removes all translations and frees owned frames after the TLB was flushed; tables too that serve nothing but `unused`,
    // in which nothing is mapped but `range`. Requires: split_ends; `unused` contains `range`.
    Removed unmap(VirtualRange range, VirtualRange unused);
    Removed unmap(VirtualRange range) { return unmap(range, range); }
    // Changes access rights of what is mapped. Requires: split_ends.
    void protect(VirtualRange range, PageFlags flags, WriteRule rule);

    // Prepares `move`: makes tables and splits pages. ENOMEM.
    [[nodiscard]] Result<void> prepare_move(VirtualRange from, VirtualAddress to);
    // Moves all translations. Requires: prepare_move; the ranges do not overlap; nothing is mapped at the destination.
    void move(VirtualRange from, VirtualAddress to);

    // What is mapped in the range, counted.
    [[nodiscard]] Removed count(VirtualRange range) const;

private:
    [[nodiscard, gnu::always_inline]] inline Result<EmptyRun> slots_from(VirtualAddress address, bool promised);
    [[nodiscard]] Result<uint64_t*> table_for(VirtualAddress address, unsigned level, bool promised = true);
    [[nodiscard]] uint64_t* entry(VirtualAddress address, unsigned level) const;
    [[nodiscard]] Result<PhysicalAddress> allocate_table(bool promised = true);
    [[nodiscard]] Result<void> split_at(VirtualAddress address);
    void free_table(PhysicalAddress table);

    PhysicalAddress root_;
    PhysicalAddress spare_{};  // one zeroed table, or 0
    uint64_t largest_page_;
};

}  // namespace eremite::arch
