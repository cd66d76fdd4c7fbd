#pragma once
// Physical memory in blocks of 2^order pages: a buddy allocator (Knuth, The Art of Computer Programming vol. 1, 2.5).
// One byte per page says what starts there, written only when a block is split, so that adding memory costs the same however much it is.
// Links of the free lists stand in small blocks themselves, and those of larger ones in the bytes of their pages: memory that nobody has
// is not touched, for the host would have to give it.
//
// Each CPU has a cache of single pages, so that CPUs meet at the lists once in a batch. What lies in caches is free memory as any
// other: an allocation fails only when all caches were emptied and the lists have nothing for it. A cache has a lock, not just a CPU
// that it belongs to, so that others can empty it.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/arch/smp.hpp"
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
    // A cache for one more CPU than the first. Requires: no other CPU allocates yet. ENOMEM.
    [[nodiscard]] Result<void> add_cpu(unsigned index);

    // Who may have the reserve: only what was promised, and the tables to map it.
    enum class Use : uint8_t { Ordinary, Promised };
    // A block of 2^order pages, aligned to its size, contents arbitrary. ENOMEM.
    [[nodiscard]] Result<PhysicalAddress> allocate(unsigned order, Use use = Use::Ordinary);
    // Single pages for the first few of `frames`, for all of them if that is easy; returns for how many. 0: there is no memory.
    [[nodiscard, gnu::noinline]] size_t allocate_pages(std::span<PhysicalAddress> frames, Use use = Use::Ordinary);
    // Keeps so many free pages, and tables to map them, from ordinary use. There may be fewer free ones at the moment.
    void set_promised(uint64_t pages) { reserve_.store(with_tables(pages), std::memory_order_relaxed); }
    // The same if they are free now, with `spare` beside them that ordinary use may have. False: nothing has changed.
    [[nodiscard]] bool promise(uint64_t pages, uint64_t spare);
    [[nodiscard]] static constexpr uint64_t with_tables(uint64_t pages) { return pages + pages / 512; }
    // Requires: `block` came from allocate(order) or split. Panics when it is not allocated.
    void free(PhysicalAddress block, unsigned order);
    // Turns an allocated block into 2^order single pages, to be freed one by one.
    void split(PhysicalAddress block, unsigned order);
    // For who reports free memory to the host (virtio 1.2 section 5.5.6.7), which takes it back until it is touched. Takes a free block that the host
    // may have filled, of 2^smallest to 2^largest pages; ordinary use keeps `spare` pages. Nothing: there is none.
    struct Block {
        PhysicalAddress address;
        unsigned order;
    };
    [[nodiscard, gnu::cold]] std::optional<Block> take_unreported(unsigned smallest, unsigned largest, uint64_t spare);
    // Such a block, whose memory the host has back. It counts as reported until it, or a neighbour that it merges with, is used.
    [[gnu::cold]] void free_reported(const Block& block);
    // The order of an allocated block. Panics when none starts here.
    [[nodiscard]] unsigned order_of(PhysicalAddress block) const;
    // True for memory that `add` took over.
    [[nodiscard]] bool manages(PhysicalAddress address) const;

    // In the direct map, the longest range of managed memory.
    [[nodiscard]] VirtualRange largest_range() const;

    [[nodiscard]] uint64_t total_pages() const { return total_pages_; }
    // Figures of the moment: other CPUs allocate and free meanwhile.
    [[nodiscard]] uint64_t free_pages() const;
    // What ordinary use can have now, and what it can have with what caches of files give back.
    [[nodiscard]] uint64_t idle_pages() const;
    [[nodiscard]] uint64_t available_pages() const;
    // Those that caches of files would give back, and those that they have to write first.
    [[nodiscard]] uint64_t reclaimable_pages() const;
    [[nodiscard]] uint64_t unwritten_pages() const;
    // All that is free but for what caches hold, which is little.
    [[nodiscard]] uint64_t listed_pages() const { return listed_.load(std::memory_order_relaxed); }
    // Could ordinary use have so many? Cheaper than the figure.
    [[nodiscard]] bool can_spare(uint64_t pages) const { return listed_pages() >= reserve() + pages || available_pages() >= pages; }

    // Who has pages that can be had back.
    struct Reclaimer {
        // Asked before an allocation fails or a promise is refused, under whatever locks the caller holds. Returns how many came.
        uint64_t (*reclaim)(uint64_t pages);
        // The same for callers without a spinlock: more can be had, for which it may wait.
        uint64_t (*make_room)(uint64_t pages);
        // How many could be had, and how many would have to be written somewhere first.
        uint64_t (*reclaimable)();
        uint64_t (*unwritten)();
    };
    // After an allocation failed. False: it would fail again. May wait.
    [[nodiscard, gnu::cold]] bool make_room();
    void set_reclaimer(const Reclaimer& reclaimer) { reclaimer_.store(&reclaimer, std::memory_order_release); }

private:
    friend PageAllocator& page_allocator();
    static PageAllocator machine_memory_;

    struct FreeBlock {
        FreeBlock* next;
        FreeBlock* previous;
        uint64_t frame;
    };
    // Blocks from this order on have room for it in the bytes of their pages, behind that of the first one.
    static constexpr unsigned first_beside = 5;
    static_assert(1 + (alignof(FreeBlock) - 1) + sizeof(FreeBlock) <= 1 << first_beside);
    struct Zone {
        uint64_t first = 0;  // page frame numbers [first, end)
        uint64_t end = 0;
        uint8_t* states = nullptr;
        // A CPU looks at the byte of a neighbour that another one takes out of its cache: hence atomic.
        [[nodiscard]] std::atomic_ref<uint8_t> state(uint64_t frame) const { return std::atomic_ref{states[frame - first]}; }
        [[nodiscard]] uint8_t load(uint64_t frame) const { return state(frame).load(std::memory_order_relaxed); }
        void store(uint64_t frame, unsigned value) const { state(frame).store(static_cast<uint8_t>(value), std::memory_order_relaxed); }
    };
    // Single pages, ready to be handed out: what is freed is often wanted again at once.
    struct alignas(64) PageCache {
        static constexpr size_t capacity = 62;
        sync::Spinlock lock{sync::Rank::PageCache};
        std::atomic<uint32_t> count{0};  // written with the lock held
        std::array<uint64_t, capacity> frames{};
    };
    class ClosedCaches;
    [[nodiscard]] PageCache& own_cache() { return *caches_[arch::cpu_index()]; }
    [[nodiscard]] std::span<PageCache* const> caches() const { return {caches_.data(), cache_count_}; }
    // A cache is filled with so many pages at once.
    static constexpr unsigned batch_order = 4;

    [[nodiscard]] uint64_t reserve() const { return reserve_.load(std::memory_order_relaxed); }
    [[nodiscard]] const Zone& zone_of(uint64_t frame) const;
    [[nodiscard]] static FreeBlock& links(const Zone& zone, uint64_t frame, unsigned order);
    void push(const Zone& zone, uint64_t frame, unsigned order);
    void remove(const Zone& zone, uint64_t frame, unsigned order);
    [[nodiscard]] bool take(unsigned order, uint64_t& frame);
    void release(const Zone& zone, uint64_t frame, unsigned order);
    [[nodiscard]] bool refill(PageCache& cache, Use use);
    void drain(PageCache& cache, size_t keep);
    [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_relaxed) != 0; }
    [[nodiscard]] bool holds(const PageCache& cache, Use use) const;
    [[nodiscard]] PhysicalAddress pop(PageCache& cache);
    void push_cached(PageCache& cache, const Zone& zone, uint64_t frame);
    [[nodiscard]] PhysicalAddress allocated(uint64_t frame, unsigned order);
    [[gnu::noinline]] void free_to_lists(const Zone& zone, uint64_t frame, unsigned order);
    [[nodiscard, gnu::noinline]] Result<PhysicalAddress> allocate_block(unsigned order, Use use);
    [[nodiscard]] Result<PhysicalAddress> allocate_listed(unsigned order, Use use);
    [[nodiscard]] bool promise_listed(uint64_t pages, uint64_t spare);
    [[nodiscard, gnu::cold]] bool reclaim(uint64_t pages);

    sync::Spinlock lock_{sync::Rank::PageAllocator};
    uint32_t nonempty_ = 0;  // bit `order`: that list has a block
    std::atomic<uint64_t> listed_{0};  // free pages in the lists, which are all but those in caches; written with the lock held
    std::atomic<uint64_t> reserve_{0};
    std::atomic<uint32_t> closed_{0};  // not 0: pages go to the lists and come from there
    std::atomic<const Reclaimer*> reclaimer_{nullptr};
    uint64_t total_pages_ = 0;
    size_t zone_count_ = 0;
    std::array<Zone, maximum_zones> zones_{};
    std::array<FreeBlock*, maximum_order + 1> lists_{};
    PageCache first_cache_;
    std::array<PageCache*, arch::max_cpus> caches_{&first_cache_};
    unsigned cache_count_ = 1;
};

// The machine's memory.
[[nodiscard]] inline PageAllocator& page_allocator() {
    return PageAllocator::machine_memory_;
}

}  // namespace eremite::mm
