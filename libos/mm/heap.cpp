#include "libos/mm/heap.hpp"

#include <array>
#include <bit>

#include "base/address.hpp"
#include "base/list.hpp"
#include "base/panic.hpp"
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

// The header of a page of objects, which lie at the end of the page, so that they are aligned as their size is.
struct Slab : ListNode<> {
    static constexpr uint32_t expected_magic = 0x51ab51ab;
    FreeObject* free;
    uint32_t magic;
    uint16_t used;     // objects allocated
    uint16_t fresh;    // objects never used yet, which are not on the free list
    uint16_t size;     // bytes of an object
    uint16_t size_class;
};
static_assert(page_size - 2 * 2016 >= sizeof(Slab) && page_size - 3 * 1344 >= sizeof(Slab) && page_size - 4 * 1008 >= sizeof(Slab));

struct SizeClass {
    Slab* partial = nullptr;  // doubly linked slabs with a free object; those full are on no list
};

// All that allocation on one CPU needs. An SMP version has one for each.
struct Cache {
    sync::Spinlock lock{sync::Rank::Heap};
    std::array<SizeClass, class_count> classes{};
    HeapStatistics statistics{};
};
constinit Cache cache;

void push_partial(SizeClass& size_class, Slab& slab) {
    slab.previous = nullptr;
    slab.next = size_class.partial;
    if (slab.next) slab.next->previous = &slab;
    size_class.partial = &slab;
}

void remove_partial(SizeClass& size_class, Slab& slab) {
    if (slab.next) slab.next->previous = slab.previous;
    if (slab.previous) slab.previous->next = slab.next;
    else size_class.partial = static_cast<Slab*>(slab.next);
}

Slab* create_slab(size_t c) {
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
    push_partial(cache.classes[c], *slab);
    ++cache.statistics.pages;
    return slab;
}

void* allocate_small(size_t c) {
    sync::Guard guard{cache.lock};
    SizeClass& size_class = cache.classes[c];
    auto* slab = static_cast<Slab*>(size_class.partial);
    if (!slab && !(slab = create_slab(c))) return nullptr;
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
    ++cache.statistics.objects;
    if (!slab->free && slab->fresh == 0) remove_partial(size_class, *slab);
    return object;
}

void* allocate_pages(size_t size) {
    if (size > page_size << PageAllocator::maximum_order) return nullptr;
    const auto order = static_cast<unsigned>(std::bit_width((size - 1) >> page_shift));
    auto block = page_allocator().allocate(order);
    if (!block.ok()) return nullptr;
    sync::Guard guard{cache.lock};
    cache.statistics.pages += uint64_t{1} << order;
    ++cache.statistics.objects;
    return direct_map(*block).as<void>();
}

void free_pages(VirtualAddress address) {
    require(address.value >= direct_map_base, "heap: freed pointer is not ours");
    const PhysicalAddress block = physical_of_direct_map(address);
    const unsigned order = page_allocator().order_of(block);
    page_allocator().free(block, order);
    sync::Guard guard{cache.lock};
    cache.statistics.pages -= uint64_t{1} << order;
    --cache.statistics.objects;
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
    sync::Guard guard{cache.lock};
    require(slab->magic == Slab::expected_magic, "heap: freed pointer is not ours");
    require(object->mark != mark_of(object) || !on_free_list(*slab, object), "heap: object freed twice");
    SizeClass& size_class = cache.classes[slab->size_class];
    const bool was_full = !slab->free && slab->fresh == 0;
    object->next = slab->free;
    object->mark = mark_of(object);
    slab->free = object;
    --slab->used;
    --cache.statistics.objects;
    if (was_full) push_partial(size_class, *slab);
    // One empty slab stays for the next allocation.
    if (slab->used != 0 || (size_class.partial == slab && !slab->next)) return;
    remove_partial(size_class, *slab);
    slab->magic = 0;
    --cache.statistics.pages;
    page_allocator().free(physical_of_direct_map(VirtualAddress{slab}), 0);
}

HeapStatistics heap_statistics() {
    sync::Guard guard{cache.lock};
    return cache.statistics;
}

}  // namespace eremite::mm
