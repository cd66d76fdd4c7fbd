#include "libos/mm/heap.hpp"

#include <array>
#include <bit>
#include <new>

#include "base/address.hpp"
#include "base/list.hpp"
#include "base/panic.hpp"
#include "libos/arch/smp.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::mm {

namespace {

constexpr size_t granularity = 16;
// Few bytes are lost: the last ones divide what a page has beside the slab header. Powers of two are there for alignment.
constexpr std::array<uint16_t, 21> class_sizes{16,  32,  48,  64,  80,  96,  112, 128, 160,  192, 224,
                                               256, 320, 384, 448, 512, 640, 768, 1008, 1344, 2016};
constexpr size_t class_count = class_sizes.size();
constexpr size_t largest_class = class_sizes.back();

// For each size in units of 16 bytes, rounded up, its class.
constexpr auto class_of_units = [] {
    std::array<uint8_t, largest_class / granularity + 1> table{};
    size_t c = 0;
    for (size_t units = 0; units < table.size(); ++units) {
        while (class_sizes[c] < units * granularity) ++c;
        table[units] = static_cast<uint8_t>(c);
    }
    return table;
}();

// A free object. `mark` tells it from an allocated one, but for chance.
struct FreeObject {
    FreeObject* next;
    uint64_t mark;
};
uint64_t mark_of(const FreeObject* object) {
    return ~reinterpret_cast<uint64_t>(object) * 0x9e3779b97f4a7c15;
}

struct Arena;

// The header of a page of objects, which lie at the end of the page, so that they are aligned as their size is.
struct Slab : ListNode<> {
    static constexpr uint32_t expected_magic = 0x51ab51ab;
    FreeObject* free;
    uint32_t magic;
    uint16_t used;     // objects allocated
    uint16_t fresh;    // objects never used yet, which are not on the free list
    uint16_t size;     // bytes of an object
    uint16_t size_class;
    Arena* arena;
};
static_assert(page_size - 2 * 2016 >= sizeof(Slab) && page_size - 3 * 1344 >= sizeof(Slab) && page_size - 4 * 1008 >= sizeof(Slab));

// The slabs that a CPU made. It allocates from these alone, so that CPUs meet only where one frees what another one allocated.
struct alignas(64) Arena {
    sync::Spinlock lock{sync::Rank::Heap};
    std::array<Slab*, class_count> partial{};  // doubly linked slabs with a free object; those full are on no list
    HeapStatistics statistics{};               // of large objects some are counted off in another arena than on: only sums tell
};
constinit Arena first_arena;
constinit std::array<Arena*, arch::max_cpus> arenas{&first_arena};

void push_partial(Arena& arena, Slab& slab) {
    Slab*& first = arena.partial[slab.size_class];
    slab.previous = nullptr;
    slab.next = first;
    if (first) first->previous = &slab;
    first = &slab;
}

void remove_partial(Arena& arena, Slab& slab) {
    if (slab.next) slab.next->previous = slab.previous;
    if (slab.previous) slab.previous->next = slab.next;
    else arena.partial[slab.size_class] = static_cast<Slab*>(slab.next);
}

Slab* create_slab(Arena& arena, size_t c) {
    auto frame = page_allocator().allocate(0);
    if (!frame.ok()) return nullptr;
    // SAFETY: the frame is ours, and the direct map reaches it.
    auto* slab = direct_map(*frame).as<Slab>();
    slab->free = nullptr;
    slab->magic = Slab::expected_magic;
    slab->used = 0;
    slab->size = class_sizes[c];
    slab->fresh = static_cast<uint16_t>((page_size - sizeof(Slab)) / class_sizes[c]);
    slab->size_class = static_cast<uint16_t>(c);
    slab->arena = &arena;
    push_partial(arena, *slab);
    ++arena.statistics.pages;
    return slab;
}

// Requires the arena's lock and a slab with a free object.
[[gnu::always_inline]] inline void* take_object(Arena& arena, Slab* slab) {
    FreeObject* object = slab->free;
    if (object) {
        slab->free = object->next;
        object->mark = 0;
    } else {
        // SAFETY: fresh objects lie within the slab's page.
        object = reinterpret_cast<FreeObject*>(reinterpret_cast<uint64_t>(slab) + page_size - size_t{slab->fresh} * slab->size);
        --slab->fresh;
    }
    ++slab->used;
    ++arena.statistics.objects;
    if (!slab->free && slab->fresh == 0) remove_partial(arena, *slab);
    return object;
}

[[gnu::noinline]] void* allocate_from_new_slab(Arena& own, size_t c) {
    {
        sync::Guard guard{own.lock};
        if (Slab* const slab = create_slab(own, c)) return take_object(own, slab);
    }
    // Memory is gone: what other CPUs have is used up.
    for (Arena* const arena : arenas) {
        if (!arena) continue;
        sync::Guard guard{arena->lock};
        if (Slab* const slab = arena->partial[c]) return take_object(*arena, slab);
    }
    return nullptr;
}

void* allocate_small(size_t c) {
    Arena& own = *arenas[arch::cpu_index()];
    {
        sync::Guard guard{own.lock};
        if (Slab* const slab = own.partial[c]) return take_object(own, slab);
    }
    return allocate_from_new_slab(own, c);
}

void count_block(uint64_t pages, uint64_t objects) {
    Arena& arena = *arenas[arch::cpu_index()];
    sync::Guard guard{arena.lock};
    arena.statistics.pages += pages;
    arena.statistics.objects += objects;
}

void* allocate_pages(size_t size) {
    if (size > page_size << PageAllocator::maximum_order) return nullptr;
    const auto order = static_cast<unsigned>(std::bit_width((size - 1) >> page_shift));
    auto block = page_allocator().allocate(order);
    if (!block.ok()) return nullptr;
    count_block(uint64_t{1} << order, 1);
    return direct_map(*block).as<void>();
}

void free_pages(VirtualAddress address) {
    require(address.value >= direct_map_base, "heap: freed pointer is not ours");
    const PhysicalAddress block = physical_of_direct_map(address);
    const unsigned order = page_allocator().order_of(block);
    page_allocator().free(block, order);
    count_block(-(uint64_t{1} << order), -uint64_t{1});
}

// Is this object on the free list of its slab already?
bool on_free_list(const Slab& slab, const FreeObject* object) {
    for (const FreeObject* o = slab.free; o; o = o->next) {
        if (o == object) return true;
    }
    return false;
}

}  // namespace

void* heap_allocate(size_t size, size_t align) {
    if (size == 0) size = 1;
    if (align > page_size) return nullptr;
    if (align > granularity) {
        if (size > SIZE_MAX - align) return nullptr;
        size = align_up(size, align);
    }
    if (size > largest_class) return allocate_pages(size);
    size_t c = class_of_units[(size + granularity - 1) / granularity];
    // Objects are aligned as their size is, counted from the end of the page.
    while (class_sizes[c] & (align - 1)) {
        if (++c == class_count) return allocate_pages(size);
    }
    return allocate_small(c);
}

void heap_free(void* pointer) {
    if (!pointer) return;
    const VirtualAddress address{pointer};
    // A slab's header stands at the start of its page, so only whole pages are aligned like this.
    if (address.is_aligned(page_size)) return free_pages(address);
    // SAFETY: a pointer of ours lies in a slab; the magic number catches most that are not.
    auto* slab = VirtualAddress{address.down_to(page_size)}.as<Slab>();
    auto* object = static_cast<FreeObject*>(pointer);
    require(slab->magic == Slab::expected_magic, "heap: freed pointer is not ours");
    Arena& arena = *slab->arena;
    sync::Guard guard{arena.lock};
    require(object->mark != mark_of(object) || !on_free_list(*slab, object), "heap: object freed twice");
    const bool was_full = !slab->free && slab->fresh == 0;
    object->next = slab->free;
    object->mark = mark_of(object);
    slab->free = object;
    --slab->used;
    --arena.statistics.objects;
    if (was_full) push_partial(arena, *slab);
    // One empty slab stays for the next allocation.
    if (slab->used != 0 || (arena.partial[slab->size_class] == slab && !slab->next)) return;
    remove_partial(arena, *slab);
    slab->magic = 0;
    --arena.statistics.pages;
    page_allocator().free(physical_of_direct_map(VirtualAddress{slab}), 0);
}

size_t heap_size(const void* pointer) {
    const VirtualAddress address{pointer};
    if (address.is_aligned(page_size)) return page_size << page_allocator().order_of(physical_of_direct_map(address));
    return VirtualAddress{address.down_to(page_size)}.as<Slab>()->size;
}

Result<void> heap_add_cpu(unsigned index) {
    if (arenas[index]) return {};
    void* const memory = heap_allocate(sizeof(Arena), alignof(Arena));
    if (!memory) return Error{ENOMEM};
    arenas[index] = new (memory) Arena;
    return {};
}

Result<void> add_cpu(unsigned index) {
    TRY(page_allocator().add_cpu(index));
    return heap_add_cpu(index);
}

HeapStatistics heap_statistics() {
    HeapStatistics sum;
    for (Arena* const arena : arenas) {
        if (!arena) continue;
        sync::Guard guard{arena->lock};
        sum.pages += arena->statistics.pages;
        sum.objects += arena->statistics.objects;
    }
    return sum;
}

}  // namespace eremite::mm
