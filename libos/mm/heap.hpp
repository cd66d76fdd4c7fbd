#pragma once
// Kernel objects: slabs of one page for each size class (Bonwick, "The Slab Allocator", USENIX 1994); what is larger than
// the largest class comes from the page allocator. No constructor caching: objects of one size share slabs. Each CPU has
// slabs of its own, and an object goes back to the slab that it came from, whoever frees it.
#include <cstddef>
#include <cstdint>

#include "base/result.hpp"

namespace eremite::mm {

struct HeapStatistics {
    uint64_t pages = 0;    // held by slabs and large objects
    uint64_t objects = 0;  // allocated now
};

// At least `size` bytes aligned to `align` (a power of two up to 4096; at least 16 is given). Null when there is no memory.
[[nodiscard]] void* heap_allocate(size_t size, size_t align = 16);
// Null is allowed. Panics on a pointer that is not an allocated object.
void heap_free(void* pointer);
// Bytes that an allocated object has, at least as many as were asked for.
[[nodiscard]] size_t heap_size(const void* pointer);
// Slabs for one more CPU than the first. Requires: no other CPU allocates yet. ENOMEM.
[[nodiscard]] Result<void> heap_add_cpu(unsigned index);
// The same, and a cache of the page allocator. ENOMEM.
[[nodiscard]] Result<void> add_cpu(unsigned index);
[[nodiscard]] HeapStatistics heap_statistics();

}  // namespace eremite::mm
