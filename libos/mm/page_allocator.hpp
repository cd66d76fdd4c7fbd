#pragma once
// Physical memory in blocks of 2^order pages: a buddy allocator (Knuth, The Art of Computer Programming vol. 1, 2.5).
// Links of the free lists stand in the free blocks themselves, and one byte per page says what starts there, written only
// when a block is split, so that adding memory costs the same however much it is.
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::mm {

class PageAllocator {
public:
    static constexpr unsigned maximum_order = 18;  // 1 GiB
    static constexpr size_t maximum_zones = 32;

    constexpr PageAllocator() = default;
    PageAllocator(const PageAllocator&) = delete;
    PageAllocator& operator=(const PageAllocator&) = delete;

    // Takes over usable memory that the direct map reaches; incomplete pages at its ends are left out, and the first pages
    // hold the bytes per page. Ranges must not overlap. EINVAL: too small to be of use (below two pages); ENOSPC: too many ranges.
    [[nodiscard]] Result<void> add(PhysicalRange range);

    // Who may have the reserve: only what was promised, and the tables to map it.
    enum class Use : uint8_t { Ordinary, Promised };
    // A block of 2^order pages, aligned to its size, contents arbitrary. ENOMEM.
    [[nodiscard]] Result<PhysicalAddress> allocate(unsigned order, Use use = Use::Ordinary);
    // Keeps so many free pages, and tables to map them, from ordinary use. There may be fewer free ones at the moment.
    void set_promised(uint64_t pages) { promised_ = pages; }
    [[nodiscard]] static constexpr uint64_t with_tables(uint64_t pages) { return pages + pages / 512; }
    // Requires: `block` came from allocate(order) or split. Panics when it is not allocated.
    void free(PhysicalAddress block, unsigned order);
    // Turns an allocated block into 2^order single pages, to be freed one by one.
    void split(PhysicalAddress block, unsigned order);
    // The order of an allocated block. Panics when none starts here.
    [[nodiscard]] unsigned order_of(PhysicalAddress block) const;
    // True for memory that `add` took over.
    [[nodiscard]] bool manages(PhysicalAddress address) const;

    [[nodiscard]] uint64_t total_pages() const { return total_pages_; }
    [[nodiscard]] uint64_t free_pages() const { return free_pages_; }
    // What ordinary use can have.
    [[nodiscard]] uint64_t available_pages() const {
        const uint64_t reserve = with_tables(promised_);
        return free_pages_ > reserve ? free_pages_ - reserve : 0;
    }

private:
    friend PageAllocator& page_allocator();
    static PageAllocator machine_memory_;

    struct FreeBlock {
        FreeBlock* next;
        FreeBlock* previous;
    };
    struct Zone {
        uint64_t first = 0;  // page frame numbers [first, end)
        uint64_t end = 0;
        uint8_t* states = nullptr;
        [[nodiscard]] uint8_t& state(uint64_t frame) const { return states[frame - first]; }
    };
    // Single pages, ready to be handed out: what is freed is often wanted again at once. An SMP version has one for each CPU.
    struct PageCache {
        static constexpr size_t capacity = 64;
        std::array<uint64_t, capacity> frames{};
        size_t count = 0;
    };

    [[nodiscard]] const Zone& zone_of(uint64_t frame) const;
    void push(uint64_t frame, unsigned order);
    void remove(uint64_t frame, unsigned order);
    [[nodiscard]] bool take(unsigned order, uint64_t& frame);
    [[nodiscard]] bool refill_cache();
    void drain_cache(size_t keep);
    void release(const Zone& zone, uint64_t frame, unsigned order);

    sync::Spinlock lock_{sync::Rank::PageAllocator};
    uint32_t nonempty_ = 0;  // bit `order`: that list has a block
    uint64_t total_pages_ = 0;
    uint64_t free_pages_ = 0;
    uint64_t promised_ = 0;
    size_t zone_count_ = 0;
    std::array<Zone, maximum_zones> zones_{};
    std::array<FreeBlock*, maximum_order + 1> lists_{};
    PageCache cache_;
};

// The machine's memory.
[[nodiscard]] inline PageAllocator& page_allocator() {
    return PageAllocator::machine_memory_;
}

}  // namespace eremite::mm
